"""What every way to roll a step is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import jax

from recur._jaxpr.flat_step import FlatStep, flat_step
from recur._jaxpr.interpret import traced
from recur._roll.flags import Flags
from recur._roll.masking import Starts
from recur._roll.per_step import (
    PerStep,
    constant,
    split_series,
    with_slices,
)
from recur._roll.steps import checked_step
from recur._roll.varying import vary_as_step
from recur.types import PyTree, Step


class RollPlan(NamedTuple):
    """What is fixed of a roll before it is traced.

    Args:
      length: Number of steps.
      reverse: Whether it walks from the last to the first.
      segment: Steps of a segment of rematerialisation; ``None`` to keep everything.
      symbolic: Whether some sizes are symbols, so that nothing can be cut.
      scan_unroll: Steps in one iteration of the plain scan.
    """

    length: int
    reverse: bool
    segment: int | None
    symbolic: bool
    scan_unroll: int


@dataclass(frozen=True, eq=False)
class Roll:
    """A step and all that it is rolled over, checked, time first.

    Args:
      step: What the user gave.
      whole: The same with all checks, which takes the slices of series with ``x``.
      series: Puts these into their places in params; ``None`` if there are none.
      params: Those that are constant over time.
      carry: Enters the first step taken.
      xs: ``[T, ...]``, filled with valid inputs where a step is not valid; a pair with
        the series, if there are any.
      x: Shapes of one of these.
      flags: Of each step, ``[T, ...]``.
      starts: What resets and steps that are not valid start from.
      plan: How it is walked.
      choose: Finds the roller of a part of the step.
    """

    step: Step
    whole: Step
    series: Callable[..., PyTree] | None
    params: PyTree
    carry: PyTree
    xs: PyTree
    x: PyTree
    flags: Flags
    starts: Starts
    plan: RollPlan
    choose: Callable[["Roll"], "Ready"]

    @cached_property
    def traced(self) -> Step:
        """The whole step, traced for good by the first roller that asks."""
        return traced(self.whole, self.params, self.carry, self.x)

    @cached_property
    def flat(self) -> FlatStep | str:
        """Its equations, or why many steps may not be done at once."""
        return flat_step(self.traced, self.params, self.carry, self.x)

    @property
    def cheapest(self) -> Step:
        """The whole step, traced if some roller did so."""
        return vars(self).get("traced", self.whole)

    def apart(self, xs: PyTree) -> tuple[PyTree, PyTree]:
        """Gives params and inputs of some steps as a layer takes them."""
        if self.series is None:
            return self.params, xs
        xs, values = xs
        return self.series([PerStep(value) for value in values], self.params), xs

    def part(
        self, step: Step, params: PyTree, carry: PyTree, xs: PyTree, starts: Starts
    ) -> "Roll":
        """Makes the roll of a step inside this, of which ``xs`` are some inputs."""
        return make_roll(
            step, params, carry, xs, self.flags, starts, self.plan, self.choose
        )


def make_roll(
    step: Step,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    starts: Starts,
    plan: RollPlan,
    choose: Callable[[Roll], "Ready"],
) -> Roll:
    """Hands series to the step with its input; see :class:`Roll`."""
    whole, (values, series) = checked_step("unroll", step), split_series(params)
    rest = params
    if values:
        rest, xs, whole = constant(params), (xs, values), with_slices(whole, series)
    x = _one_input(xs, plan.length)
    return Roll(
        step=step,
        whole=whole,
        series=series if values else None,
        params=rest,
        carry=vary_as_step(whole, rest, carry, x),
        xs=xs,
        x=x,
        flags=flags,
        starts=starts,
        plan=plan,
        choose=choose,
    )


def _one_input(xs: PyTree, length: int) -> PyTree:
    if not length:
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
    return jax.eval_shape(lambda xs: jax.tree.map(lambda a: a[0], xs), xs)


class Segment(Protocol):
    """Rolls some steps that follow one another."""

    def __call__(
        self, carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        """Gives ``(carry, ys)``."""
        ...


class Ready(NamedTuple):
    """A roller that can take a roll.

    Args:
      form: Of the step, in which it does; empty if its parts were chosen for one by
        one.
      segment: Does it.
      steps: As many at once are computed again for the gradient; ``None`` for none.
    """

    form: str
    segment: Segment
    steps: int | None = None


Roller = Callable[..., Ready | str]
"""``(roll, *, where_it_pays) -> ready``, or the reason why not, empty if that is plain.

One answer instead of a question and a call: what tells whether a step can be taken
apart is what takes it apart. ``where_it_pays`` asks it to decline what it can do but
others do quicker.
"""
