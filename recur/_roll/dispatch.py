"""Which ways there are to roll a step, and which of them takes one."""

from collections.abc import Sequence
from typing import Any

from recur._roll.chunked.roller import chunked
from recur._roll.composed import composed
from recur._roll.linear.roller import associative
from recur._roll.notes import take_note
from recur._roll.plain_scan import plain_scan
from recur._roll.roller import Ready, Roll, Roller
from recur.types import Implementation

ROLLERS: dict[str, Roller] = {
    "composed": composed,
    "chunked": chunked,
    "associative": associative,
    "scan": plain_scan,
}
AUTO = ["composed", "chunked", "scan"]
"""The order in which they are asked if the user names none; the last takes any step."""


def register_roller(name: str, roller: Roller, *, before: str | None = None) -> None:
    """Adds a way to roll, which ``implementation=name`` asks for.

    Args:
      name: A new one.
      roller: See :data:`recur._roll.roller.Roller`.
      before: The roller before which ``"auto"`` asks this one; by default never.

    Raises:
      ValueError: If there is one of this name, as rolls by it are compiled already.
    """
    if name in ROLLERS or name == "auto":
        raise ValueError(f"register_roller: {name!r} exists; expected a new name.")
    if before is not None:
        AUTO.insert(AUTO.index(before), name)
    ROLLERS[name] = roller


def check_implementation(where: str, implementation: Any) -> None:
    """Refuses a name that is not known."""
    several = isinstance(implementation, tuple) and implementation
    names = implementation if several else (implementation,)
    known = [*ROLLERS] if several else ["auto", *ROLLERS]
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ValueError(
                f"{where}: implementation is {implementation!r}; expected one of "
                f"{', '.join(map(repr, ('auto', *ROLLERS)))}, or a tuple of some, of "
                "which the first that can is taken. Leave it out for the quickest."
            )


def rollers_of(implementation: Implementation) -> tuple[str, ...]:
    """Lists the rollers to ask, in order.

    Example:
      >>> rollers_of("auto"), rollers_of("scan")
      (('composed', 'chunked', 'scan'), ('scan',))
    """
    if implementation == "auto":
        return tuple(AUTO)
    return implementation if isinstance(implementation, tuple) else (implementation,)


def choose(where: str, roll: Roll, names: Sequence[str], *, pays: bool) -> Ready:
    """Asks one roller after the other, and notes what they say.

    Args:
      where: Whom an error is from.
      roll: What is to be rolled.
      names: Of the rollers.
      pays: Whether they decline what they can do but others do quicker.

    Returns:
      What the first that can made of it.

    Raises:
      ValueError: If none can.
    """
    reasons: dict[str, str] = {}
    for name in names if roll.plan.length else ("scan",):  # There all are the same.
        ready = ROLLERS[name](roll, where_it_pays=pays)
        if isinstance(ready, Ready):
            told = [f"not {name}: {why}" for name, why in reasons.items() if why]
            why = "; ".join(told) or ("" if pays else "asked for")
            if ready.form:
                take_note(roll.step, name, ready.form, why)
            return ready
        reasons[name] = ready
    told = [f"not {name}: {why or 'it has no parts'}" for name, why in reasons.items()]
    raise ValueError(
        f"{where}: implementation is {' or '.join(map(repr, names))} and cannot take "
        f"this step ({'; '.join(told)}); expected one that can. Leave it out, or "
        f"pass {(*names, 'scan')}, as the plain scan takes any."
    )
