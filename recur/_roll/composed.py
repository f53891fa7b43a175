"""The roll of a step made of steps: part after part, some steps of time at once."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import MethodType
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._roll.chunked.tuning import recomputed_steps
from recur._roll.flags import Flags
from recur._roll.masking import Starts, zero_outputs
from recur._roll.padding import fill_with
from recur._roll.per_step import with_values
from recur._roll.remat import recomputed
from recur._roll.roller import Ready, Roll
from recur._roll.steps import step_of
from recur.types import Cell, PyTree, Step


class Part(NamedTuple):
    """One step of several, with what is its own of params and carry."""

    step: Step | Cell
    params: PyTree
    carry: PyTree


class Composed(ABC):
    """A step that acts on its input, takes some steps, and acts on the last output.

    So are a readout, a stack, a loss. Each part keeps its own way to roll, and what
    acts on inputs and outputs does so for many steps at once: for all of a segment
    where only a segment may exist.
    """

    by_segment = False
    """Whether outputs of all steps must not exist at once, but those of a segment."""

    recomputed = False
    """Whether all parts are computed again for the gradient with the one that is."""

    step_is_made_by: ClassVar[tuple[str, ...]] = ()
    """Methods behind the step: a subclass with one of its own is not what its parts
    say."""

    @abstractmethod
    def parts(self, params: PyTree, carry: PyTree) -> list[Part]:
        """Lists the parts, of which each takes the output of the one before."""
        ...

    @abstractmethod
    def join(self, carries: list[PyTree]) -> PyTree:
        """Makes the carry of those of the parts."""
        ...

    def enter_all(self, params: PyTree, xs: PyTree) -> PyTree:
        """Makes the inputs of the first part, time first."""
        return xs

    def act_on_all(self, params: PyTree, xs: PyTree, ys: PyTree) -> PyTree:
        """Makes the outputs of inputs and the outputs of the last part, time first."""
        return ys


def composed(roll: Roll, *, where_it_pays: bool) -> Ready | str:
    """Takes steps that are :class:`Composed`; see :data:`recur._roll.roller.Roller`."""
    owner = composition(roll.step)
    if owner is None or roll.plan.symbolic:
        return ""
    if owner.by_segment and roll.plan.segment is None:
        return "without segments all outputs would exist at once"
    chosen = list(_chosen(owner, roll))

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        given, flags = inputs
        params, xs = roll.apart(given)
        carries, ys = [], owner.enter_all(params, xs)
        for (ready, lent), part in zip(chosen, owner.parts(params, carry), strict=True):
            inputs = with_values(part.params, ys), flags
            last, ys = ready.segment(part.carry, inputs, length=length)
            if flags.valid is not None:  # What comes next may be singular at zero.
                ys = fill_with(lent, flags.valid, ys)
            carries.append(last)
        ys = owner.act_on_all(params, xs, ys)
        return owner.join(carries), zero_outputs(flags.valid, ys)

    again = [ready.steps for ready, _ in chosen if ready.steps is not None]
    if not owner.recomputed or not again or roll.plan.segment is not None:
        return Ready("", segment)
    steps = recomputed_steps(min(again), roll.x)
    return Ready("", recomputed(segment, steps, reverse=roll.plan.reverse))


def composition(step: Step) -> Composed | None:
    """Finds what a step is made of, unless a subclass has a step of its own."""
    bound = isinstance(step, MethodType)
    name = step.__name__ if bound else "__call__"
    owner: Any = step.__self__ if bound else step
    if not isinstance(owner, Composed) or name not in ("step", "__call__"):
        return None
    behind = [depth(owner, method) for method in (name, *owner.step_is_made_by)]
    return owner if depth(owner, "parts") <= min(behind) else None


def _chosen(owner: Composed, roll: Roll) -> Iterator[tuple[Ready, PyTree]]:
    """Chooses for each part, and takes it once on what a valid step is given.

    Without flags only the shape of that output is looked at, and of the last not even
    that.
    """
    first = -1 if roll.plan.reverse else 0
    one = jax.tree.map(lambda a: jnp.asarray(a[first])[None], roll.xs)
    params, ys = roll.apart(one)
    ys = owner.enter_all(params, ys)
    parts = owner.parts(params, roll.carry)
    resets, invalids = (_of_parts(owner, params, a, len(parts)) for a in roll.starts)
    for n, part in enumerate(parts):
        step, starts = step_of("unroll", part.step), Starts(resets[n], invalids[n])
        inner, lent = roll.part(step, *part[1:], ys, starts), None
        if roll.flags.valid is not None or n + 1 < len(parts):
            lent = _output(inner)
            ys = jax.tree.map(lambda a: a[None], lent)
        yield roll.choose(inner), lent


def _output(roll: Roll) -> PyTree:
    start = roll.carry if roll.starts.invalid is None else roll.starts.invalid
    x = jax.tree.map(lambda a: a[0], roll.xs)
    return jax.lax.stop_gradient(roll.whole(roll.params, start, x)[1])


def _of_parts(
    owner: Composed, params: PyTree, carry: PyTree, count: int
) -> list[PyTree]:
    if carry is None:
        return [None] * count
    return [part.carry for part in owner.parts(params, carry)]


def depth(owner: Any, name: str) -> int:
    """How far up the classes of an object a method is written.

    Example:
      >>> depth(LSTM(4), "equations"), depth(LSTM(4), "step")
      (0, 1)
    """
    return next(n for n, c in enumerate(type(owner).__mro__) if name in vars(c))
