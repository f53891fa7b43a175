"""Which of several ways a roll takes: the one for the platform it is lowered for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

import jax

from recur._roll.chunked import tuning
from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.tuning import Tuning
from recur.types import PyTree

Kind = TypeVar("Kind")


class Way(NamedTuple):
    """How one kind of machine walks a sequence.

    Args:
      rule: Of the step, as the machine wants it.
      length: Of the sequence.
      steps: Done at once where a derivative is taken.
      reverse: Whether it walks from the last to the first.
      tuning: Of the machine.
    """

    rule: StepRule
    length: int
    steps: int
    reverse: bool
    tuning: Tuning


def ways_of(
    rule: StepRule, carry: PyTree, length: int, *, of: int, reverse: bool
) -> dict[str, Way]:
    """Makes the ways by platform, for ``length`` steps of a sequence ``of`` so many."""

    def way(tuned: Tuning) -> Way:
        most = tuning.chunk_steps(tuned, carry, of)
        steps = tuning.even_steps(length, tuning.made_steps(tuned, most, rule.made))
        return Way(rule.tuned(tuned), length, steps, reverse, tuned)

    return {name: way(tuned) for name, tuned in tuning.tunings(of).items()}


def by_platform(
    ways: Mapping[str, Kind], function: Callable[..., PyTree], *args: PyTree
) -> PyTree:
    """Calls ``function(way, *args)`` with the way of the platform.

    It is known when a program is lowered, so that one exported for another platform
    takes the way of that. What a derivative needs must be the same on all ways and
    among ``args``: kept would be what any of them keeps.
    """
    if len(ways) == 1:
        return function(*ways.values(), *args)
    branches = {name: partial(function, way) for name, way in ways.items()}
    return jax.lax.platform_dependent(*args, **branches)
