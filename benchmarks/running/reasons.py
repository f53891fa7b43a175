"""Why something was not measured, in one line that names no place on the machine."""

import re

_PATH = re.compile(r"(?:/[\w.@+\-]+){2,}/?")
# What the logger of XLA writes before a message: level, date, time, thread, place.
_LOGGED = re.compile(r"^[IWEF]\d{4} [\d:.]+ +\d+ [\w.]+:\d+\] ")


def reason_of(error: BaseException) -> str:
    """Writes an exception in one line.

    Example:
      >>> reason_of(OSError("no file /home/me/x.so"))
      'OSError: no file [path]'
    """
    return plain_line(f"{type(error).__name__}: {error}")


def plain_line(text: str) -> str:
    """Keeps the first line of a message, without paths and the marks of a logger."""
    lines = text.strip().splitlines() or [""]
    return _PATH.sub("[path]", _LOGGED.sub("", lines[0]))
