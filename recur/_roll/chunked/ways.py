"""Which of several ways a roll takes: the one for the platform it is lowered for."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax

from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.tuning import (
    Tuning,
    chunk_steps,
    even_steps,
    made_steps,
    tunings,
)
from recur.types import PyTree


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

    def way(tuning: Tuning) -> Way:
        most = made_steps(tuning, chunk_steps(tuning, carry, of), rule.made)
        steps = even_steps(length, most)
        return Way(rule.tuned(tuning), length, steps, reverse, tuning)

    return {name: way(tuning) for name, tuning in tunings(of).items()}


def by_platform(
    ways: Mapping[str, Way], function: Callable[..., PyTree], *args: PyTree
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
