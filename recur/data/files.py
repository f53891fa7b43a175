"""Finding and reading the files of a data set, and saying in a sentence what fails."""

import gzip
from pathlib import Path


def data_file(directory: Path, folder: str, pattern: str) -> Path:
    """Finds a file of a data set.

    Args:
      directory: Where the data sets are, or that one itself.
      folder: Name of the data set.
      pattern: Name of the file, ``*`` standing for anything.

    Returns:
      The first such file.

    Raises:
      ValueError: If it is not there.

    Example:
      >>> data_file(Path("nowhere"), "names", "*.txt")
      Traceback (most recent call last):
      ValueError: data: 'nowhere' has no names/*.txt; expected the directory of the ...
    """
    return data_files(directory, folder, pattern)[0]


def data_files(directory: Path, folder: str, pattern: str) -> list[Path]:
    """Finds all files of a data set that have such a name, in order.

    Example:
      >>> data_files(Path("nowhere"), "names", "*.txt")
      Traceback (most recent call last):
      ValueError: data: 'nowhere' has no names/*.txt; expected the directory of the ...
    """
    places = (Path(directory) / folder, Path(directory))
    found = next((p for place in places if (p := sorted(place.glob(pattern)))), None)
    if not found:
        raise ValueError(
            f"data: '{directory}' has no {folder}/{pattern}; expected the directory of "
            "the data sets. Check --data and RECUR_DATA, or leave both out for the "
            "embedded stand-in."
        )
    return found


def read_lines(path: Path) -> list[str]:
    """Reads the lines of a UTF-8 file, which may be compressed by gzip.

    Raises:
      ValueError: If it cannot be read so.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     path = Path(folder) / "a.txt"
      ...     _ = path.write_text("one" + chr(10) + "two")
      ...     read_lines(path)
      ['one', 'two']
    """
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        return raw.decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise wrong_format(path, "UTF-8 lines", type(error).__name__) from None


def wrong_format(path: Path, expected: str, why: str) -> ValueError:
    """Makes the error of a file that is something else.

    Example:
      >>> wrong_format(Path("a.csv"), "numbers", "line 3")
      ValueError("data: 'a.csv' is not what it should be (line 3); expected numbers...
    """
    return ValueError(
        f"data: '{path}' is not what it should be ({why}); expected {expected}. Put "
        "the data set's own file there."
    )


__all__ = ["data_file", "data_files", "read_lines", "wrong_format"]
