"""What Linen and NNX modules refuse to be made and called with."""

from collections.abc import Iterable, Mapping
from typing import Any

from recur import _checks as checks
from recur._roll.steps import needs_whole
from recur.types import ModuleOptions

OPTIONS = tuple(ModuleOptions.__annotations__)
"""The arguments of a roll that are none of a module itself."""

CALLED_OTHERWISE = {"carry": "Write initial_carry=carry."}


def check_options(
    where: str, options: Iterable[str], remedies: Mapping[str, str] = CALLED_OTHERWISE
) -> None:
    """Refuses options that a roll does not take, with the remedy where one is known.

    Example:
      >>> check_options("doc", {"carry": 0})
      Traceback (most recent call last):
      TypeError: doc: carry is no option; expected ... Write initial_carry=carry.
    """
    for name in options:
        if name not in OPTIONS:
            raise TypeError(
                f"{where}: {name} is no option; expected some of "
                f"{', '.join(OPTIONS)}. {remedies.get(name, '')}".rstrip()
            )


def check_cell(where: str, cell: Any, *members: str) -> None:
    """Refuses what is no cell, and Flax's own, which look like one.

    Example:
      >>> check_cell("doc", LSTM(4), "init", "init_carry", "step")
    """
    if _is_from(cell, "recur.linen", "recur.nnx"):
        raise TypeError(
            f"{where}: cell is {checks.describe(cell)} of recur for Flax; expected the "
            "cell that it was made with. Pass that itself, such as recur.LSTM(64)."
        )
    missing = [name for name in members if not callable(getattr(cell, name, None))]
    if missing:
        raise TypeError(
            f"{where}: cell is {checks.describe(cell)} without {missing[0]}; expected "
            f"an object with {', '.join(members)}. {_remedy(cell)}"
        )
    if isinstance(cell, type):
        raise TypeError(
            f"{where}: cell is the class {cell.__name__}; expected a cell made of it, "
            "with its sizes, such as recur.LSTM(64)."
        )


def _remedy(cell: Any) -> str:
    if _is_from(cell, "flax."):
        return "Put Flax's own cells into Flax's RNN, or pass a recur.LSTM(64)."
    if needs_whole(cell):
        return "Put a layer without a step into RNN."
    return "Pass a cell such as recur.LSTM(64)."


def _is_from(cell: Any, *modules: str) -> bool:
    kind = cell if isinstance(cell, type) else type(cell)
    return any(base.__module__.startswith(modules) for base in kind.__mro__)


def check_order(where: str, keep_order: bool | None) -> None:
    """Refuses to give a reversed roll's outputs in the order they were computed.

    Example:
      >>> check_order("doc", None)
    """
    if keep_order is False:
        raise ValueError(
            f"{where}: keep_order is False; expected True or nothing, as ys stays in "
            "the order of xs. Flip it with jnp.flip where it must not."
        )
