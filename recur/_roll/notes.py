"""What a roll decides while it is traced, for those who ask."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple


class Note(NamedTuple):
    """How one step is rolled.

    Args:
      step: What is rolled, in short.
      roller: Its name, such as ``"chunked"`` or ``"scan"``.
      form: Of the step: the rule of its author, one traced from its equations, or the
        step as it is.
      reason: Why not by the rollers that were asked before; empty if none was.
    """

    step: str
    roller: str
    form: str
    reason: str


_notes: ContextVar[list[Note] | None] = ContextVar("notes", default=None)


def taking_notes() -> bool:
    """Whether somebody asks."""
    return _notes.get() is not None


def take_note(step: object, roller: str, form: str, reason: str) -> None:
    """Writes down what was decided, if somebody asks."""
    notes = _notes.get()
    if notes is not None:
        notes.append(Note(_short(step), roller, form, reason))


def notes_of(function: Callable[..., object], *args: Any) -> list[Note]:
    """Calls a function and gives the notes that were taken meanwhile."""
    token = _notes.set([])
    try:
        function(*args)
        return _notes.get() or []
    finally:
        _notes.reset(token)


def _short(step: Any) -> str:
    if hasattr(step, "inner"):
        return f"{type(step).__name__}({_short(step.inner)})"
    owner = getattr(step, "__self__", step)
    kind = owner if hasattr(owner, "__qualname__") else type(owner)
    return kind.__qualname__.removeprefix("_")
