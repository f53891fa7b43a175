"""Printing that ends no run: whoever reads may leave, or know no accents."""

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

from tqdm import tqdm


def say(text: str, *, error: bool = False) -> None:
    r"""Prints a line, above a progress bar if there is one, and never raises.

    Characters that the terminal's encoding lacks are printed as Python writes them. A
    stream that can no longer be written is given up; a full disk is told on the other.

    Args:
      text: The line.
      error: Whether it goes to the standard error instead.

    Example:
      >>> say("two words")
      two words
    """
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # Started with the stream closed.
        return
    try:
        with tqdm.external_write_mode(file=stream):
            print(_within(text, stream.encoding), file=stream, flush=True)
    except (OSError, ValueError) as problem:  # ValueError: the stream is closed.
        give_up(stream)
        if not error and getattr(problem, "errno", None) == errno.ENOSPC:
            say("the output cannot be written (no space); the run goes on", error=True)


def _within(text: str, encoding: str | None) -> str:
    # A StringIO has no encoding, and takes everything.
    if encoding is None:
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def give_up(stream: TextIO) -> None:
    """Sends what a stream still holds, and all that follows, nowhere.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryFile("w") as file:
      ...     give_up(file)
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def flush() -> None:
    """Writes out both streams; what cannot be written is given up.

    Example:
      >>> flush()
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            give_up(stream)


__all__ = ["flush", "give_up", "say"]
