"""A directory that one process holds, and that is left as found if nothing comes."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


class Claim:
    """Holds a directory against other processes, from now until :meth:`release`.

    The lock is the operating system's: it goes with the process that holds it, however
    that ends.

    Args:
      path: The directory.
      argument: What a message calls it.
      make: Whether to make it, with its parents, if it is not there.
      contents: Names in it that the holder may make.

    Raises:
      ValueError: If it cannot be written, or another process holds it.

    Example:
      >>> import tempfile
      >>> claim = Claim(Path(tempfile.mkdtemp()) / "new", argument="out", make=True)
      >>> claim.holds()
      True
      >>> claim.undo()
      >>> claim.path.exists()
      False
    """

    def __init__(
        self,
        path: Path,
        *,
        argument: str,
        make: bool = False,
        contents: Sequence[str] = (),
    ) -> None:
        self.path, self._file = path, path.absolute() / ".lock"
        inside = (self._file.with_name(name) for name in contents)
        # The deepest first, as they have to be removed.
        places = (*inside, self._file, *self._file.parents)
        self._new = [place for place in places if not place.exists()]
        self._lock = FileLock(self._file)
        try:
            if make:
                path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=False)
            self._inode = self._identity()
        except Timeout:
            raise ValueError(
                f"{argument}: another run is writing to '{path}'; expected a directory "
                "of its own for each. Choose another, or wait until that one has ended."
            ) from None
        except OSError as error:
            self.undo()
            raise ValueError(
                f"{argument}: '{path}' cannot be written ({error.strerror}); expected "
                "a directory that can. Choose another."
            ) from None

    def _identity(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_dev, found.st_ino

    def holds(self) -> bool:
        """Whether the directory is still the one that was claimed."""
        # The lock holds its file open, so that no other one can get its inode.
        with suppress(OSError):
            return self._identity() == self._inode
        return False

    def release(self) -> None:
        """Gives the directory free."""
        self._lock.release()

    def undo(self) -> None:
        """Gives the directory free, and removes what was not there before."""
        for place in self._new:
            with suppress(OSError):
                if place.is_file():
                    place.unlink()
                elif place.parent == self._file.parent:
                    shutil.rmtree(place)
                else:
                    place.rmdir()
        self.release()


__all__ = ["Claim"]
