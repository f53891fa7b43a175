"""Ctrl-C on the command line: one sentence and status 130, at any instant.

The handler of the command ends the process itself. An exception would end in a
traceback while modules are imported, be lost in a callback of the garbage collector, or
break off what a library does on its way out. Files are safe, as they are from
``kill -9``; what should not be left half done runs under :func:`deferred`.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STATUS = 130
NOTHING = "stopped; nothing was begun. Start again with the same command."


class Exit:
    """A handler that says ``sentence`` and ends the process.

    Example:
      >>> Exit().sentence
      'stopped; nothing was begun. Start again with the same command.'
    """

    def __init__(self) -> None:
        self.sentence = NOTHING

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Ends the process, whatever it is doing."""
        signal.signal(number, signal.SIG_IGN)  # A second one changes nothing.
        with suppress(OSError):  # Where nobody listens, there is nothing to say.
            text = f"\n{self.sentence}\n"
            os.write(2, text.encode("utf-8", "surrogateescape"))
        os._exit(STATUS)


on_stop = Exit()


def is_command() -> bool:
    """Whether this process is ``python -m recur``, also while that is being found.

    Example:
      >>> is_command()
      False
    """
    # Python sets argv[0] to "-m" until it has found the module.
    if sys.argv[:1] != ["-m"] or len(sys.argv) > len(sys.orig_argv):
        return False
    return bool(re.fullmatch(r"(-\w*m)?recur", sys.orig_argv[-len(sys.argv)]))


def install() -> None:
    """Makes Ctrl-C end the process by :data:`on_stop`.

    A signal that is ignored, as ``nohup`` asks, or handled already stays so.

    Example:
      >>> before = signal.signal(signal.SIGINT, signal.SIG_IGN)
      >>> install()
      >>> signal.signal(signal.SIGINT, before) is signal.SIG_IGN
      True
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, on_stop)


def ignore() -> None:
    """Lets Ctrl-C do nothing from here on: all is written, and only the exit left.

    Example:
      >>> ignore()  # No command is running here.
    """
    if signal.getsignal(signal.SIGINT) is on_stop:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """Holds Ctrl-C back, however often it comes, until a block has ended.

    Example:
      >>> with deferred():
      ...     written = True
    """
    handler = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(handler):  # Only the main thread receives signals.
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *signal_: came.append(signal_))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


__all__ = ["Exit", "deferred", "ignore", "install", "is_command", "on_stop"]
