"""What a run was begun with, as it was given or read back, and whether it can be."""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from recur.tasks.language_model import CELLS, Settings

DEFAULTS: dict[str, Any] = {**asdict(Settings()), "text": None, "steps": 1000}
LARGEST = 2**31 - 1  # Of int32, in which JAX counts.
RANGES = {
    **dict.fromkeys(("layers", "hidden", "batch", "window"), (1, LARGEST)),
    "steps": (0, LARGEST),
    "seed": (0, 2**32 - 1),  # JAX takes larger seeds for smaller ones.
}


def check_given(given: dict[str, Any]) -> None:
    """Refuses numbers that no run can have.

    Example:
      >>> check_given({"seed": 2**32})
      Traceback (most recent call last):
      ValueError: seed: 4294967296 came; expected 0 to 4294967295. Choose one of these.
    """
    for name, (least, most) in RANGES.items():
        if name in given and not least <= given[name] <= most:
            raise ValueError(
                f"{name}: {given[name]} came; expected {least} to {most}. Choose one "
                "of these."
            )


def _is_integer(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_history(value: Any, last: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, list)
        and len(row) == 3
        and _is_integer(row[0], 1, last)
        and all(map(_is_number, row[1:]))
        for row in value
    )


def _tests(step: int) -> dict[str, Callable[[Any], bool]]:
    integers = {
        name: lambda value, bounds=bounds: _is_integer(value, *bounds)
        for name, bounds in RANGES.items()
    }
    return {
        **integers,
        "cell": lambda value: isinstance(value, str) and value in CELLS,
        "learning_rate": lambda value: (
            _is_number(value) and math.isfinite(value) and value > 0
        ),
        "text": lambda value: value is None or isinstance(value, str),
        "digest": lambda value: isinstance(value, str),
        "step": lambda value: _is_integer(value, step, step),
        "history": lambda value: _is_history(value, step),
    }


def check_read(facts: Any, *, step: int, out: Path) -> None:
    """Refuses facts of a checkpoint that this command cannot have written.

    Args:
      facts: What was read.
      step: Number of the checkpoint.
      out: Directory of the run.

    Raises:
      ValueError: If one is not there, or is not what it must be.

    Example:
      >>> check_read({"step": 3}, step=3, out=Path("o"))
      Traceback (most recent call last):
      ValueError: resume: the checkpoint in 'o' is from another program (it lacks ...
    """
    tests = _tests(step)
    missing = sorted(set(tests) - set(facts)) if isinstance(facts, dict) else ["all"]
    wrong = next((n for n in tests if not missing and not tests[n](facts[n])), None)
    why = f"it lacks {missing}" if missing else f"its {wrong} cannot be"
    if missing or wrong:
        raise ValueError(
            f"resume: the checkpoint in '{out}' is from another program ({why}); "
            "expected one that this command wrote."
        )


__all__ = ["DEFAULTS", "check_given", "check_read"]
