"""Checkpoints of a run: whole or not there, whenever the program is stopped."""

from pathlib import Path
from typing import Any, TypeVar

import orbax.checkpoint as ocp

T = TypeVar("T")


class Checkpoints:
    """The checkpoints of one run in one directory, the newest two kept.

    Orbax writes each beside the others and renames it when it is complete, so that a
    program killed at any instant leaves the one before it intact.

    Args:
      directory: Where they are, made if needed.

    Raises:
      ValueError: If the directory cannot be written.

    Example:
      >>> import tempfile
      >>> checkpoints = Checkpoints(tempfile.mkdtemp())
      >>> checkpoints.save(3, {"w": jnp.ones(2)}, facts={"seed": 0})
      >>> checkpoints.latest(), checkpoints.facts()
      (3, {'seed': 0})
      >>> checkpoints.state({"w": jnp.zeros(2)})
      {'w': Array([1., 1.], dtype=float32)}
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory).absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, enable_async_checkpointing=False
        )
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / ".writable").touch()
            (self.directory / ".writable").unlink()
            self._manager = ocp.CheckpointManager(self.directory, options=options)
        except OSError as error:
            raise ValueError(
                f"out: '{directory}' cannot be written ({error.strerror}); expected a "
                "directory that can. Choose another."
            ) from None

    def latest(self) -> int | None:
        """Number of the newest complete checkpoint, if there is one."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, *, facts: dict[str, Any]) -> None:
        """Writes ``state``, a pytree of arrays, and ``facts``, plain JSON, as one."""
        items = {
            "state": ocp.args.StandardSave(state),
            "facts": ocp.args.JsonSave(facts),
        }
        self._manager.save(step, args=ocp.args.Composite(**items))

    def facts(self) -> dict[str, Any]:
        """Reads the facts of the newest checkpoint."""
        return self._restore("facts", ocp.args.JsonRestore())

    def state(self, like: T) -> T:
        """Reads the state of the newest checkpoint, in the structure of ``like``."""
        return self._restore("state", ocp.args.StandardRestore(like))

    def _restore(self, name: str, how: Any) -> Any:
        step = self.latest()
        if step is None:
            raise ValueError(
                f"resume: '{self.directory}' holds no checkpoint; expected the --out "
                "directory of an earlier run. Check the path."
            )
        try:
            items = self._manager.restore(step, args=ocp.args.Composite(**{name: how}))
            return items[name]
        except Exception as error:  # Orbax lets through whatever its storage raises.
            raise ValueError(
                f"resume: the checkpoint '{self.directory / str(step)}' is damaged or "
                f"from another program ({type(error).__name__}); expected one that "
                "this command wrote. Delete that folder to go on from the one before."
            ) from error


__all__ = ["Checkpoints"]
