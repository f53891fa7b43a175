"""What a run was begun with, as it was given or read back, and whether it can be."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from recur.tasks.settings import Settings

ALSO = ("task", "data", "digest", "step", "history")


def _can_be(value: Any, told: Any, default: Any) -> bool:
    if value is None:
        return default is None
    if told["choices"]:
        return value in told["choices"]
    kinds = (int, float) if told["kind"] is float else (told["kind"],)
    if type(value) not in kinds:
        return False
    # What is not a number is in no range.
    return told["kind"] is str or told["least"] <= value <= told["most"]


def _is_history(value: Any, last: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, list)
        and len(row) == 3
        and type(row[0]) is int
        and 1 <= row[0] <= last
        and all(type(a) in (int, float) for a in row[1:])
        for row in value
    )


def _wrong(facts: dict[str, Any], kind: type[Settings], step: int) -> list[str]:
    """Names the facts that cannot be."""
    known = {
        "task": isinstance(facts["task"], str),
        "data": facts["data"] is None or isinstance(facts["data"], str),
        "digest": isinstance(facts["digest"], str),
        "step": type(facts["step"]) is int and facts["step"] == step,
        "history": _is_history(facts["history"], step),
    }
    for made in fields(kind):
        known[made.name] = _can_be(facts[made.name], made.metadata, made.default)
    return [name for name, right in known.items() if not right]


def check_read(facts: Any, kind: type[Settings], *, step: int, out: Path) -> None:
    """Refuses facts of a checkpoint that this command cannot have written.

    Args:
      facts: What was read.
      kind: The settings of the application.
      step: Number of the checkpoint.
      out: Directory of the run.

    Raises:
      ValueError: If one is not there, or is not what it must be.

    Example:
      >>> check_read({"step": 3}, Settings, step=3, out=Path("o"))
      Traceback (most recent call last):
      ValueError: resume: the checkpoint in 'o' is from another program (it lacks ...
    """
    names = {*ALSO, *(made.name for made in fields(kind))}
    missing = sorted(names - set(facts)) if isinstance(facts, dict) else ["all"]
    wrong = [] if missing else _wrong(facts, kind, step)
    if missing or wrong:
        why = f"it lacks {missing}" if missing else f"its {wrong[0]} cannot be"
        raise ValueError(
            f"resume: the checkpoint in '{out}' is from another program ({why}); "
            "expected one that this command wrote."
        )


__all__ = ["check_read"]
