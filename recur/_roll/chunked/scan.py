"""The roll in chunks of steps, with one lean derivative for all modes.

The derivative is given forwards: it keeps what the parts ask for, and its tangent is a
linear recurrence over the same chunks. JAX transposes that into back-propagation
through time, so that reverse mode, forward mode and every mixture of them come from
the same lines.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import filled, without_zeros
from recur._roll.chunked.forward import (
    any_flag,
    kept_values,
    roll_forward,
    roll_keeping,
    settled,
)
from recur._roll.chunked.rule import Chunk, Parts
from recur._roll.chunked.squeeze_batch import without_row
from recur._roll.chunked.tuning import onward_steps
from recur._roll.masking import Flags, Starts, steer
from recur._roll.remat import through_segments
from recur.types import PyTree


class Walk(NamedTuple):
    """How a sequence is walked: ``steps`` at once, from which end."""

    length: int
    steps: int
    reverse: bool


def chunked_roll(
    parts: Parts,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    starts: Starts,
    walk: Walk,
) -> tuple[PyTree, PyTree]:
    """Rolls a step that was taken apart, as ``jax.lax.scan`` would roll it whole.

    Args:
      parts: The step.
      params: Its params.
      carry: Enters the first step taken.
      xs: Time-major inputs, of a step that counts where one does not.
      flags: Of each step.
      starts: What resets and steps that do not count start from.
      walk: Length, size of a chunk, and direction.

    Returns:
      ``(carry, ys)``.
    """

    @jax.custom_jvp
    def roll(weights: Any, carry: Any, xs: Any, starts: Any, flags: Flags) -> Any:
        onward = partial(_onward, parts, weights, walk)
        if parts.of_rows:
            onward = partial(without_row, onward)
        return settled(onward(carry, (xs, flags), starts))

    def roll_jvp(primals: Any, tangents: Any) -> Any:
        weights, carry, xs, starts, flags = primals
        dweights, dcarry, dxs, dstarts, _ = without_zeros(tangents)
        step = parts, weights, starts, walk.reverse
        values = kept_values(*step, carry, (xs, flags))
        # What is kept takes the place of projected inputs only if these are all there.
        whole = walk._replace(steps=walk.length) if parts.in_place else walk
        through = partial(roll_keeping, *step, values)
        last, rows = _chunks(through, carry, (xs, flags), whole)
        (ys, met), kept = values.spread(rows)
        steps, reverse = walk.steps, walk.reverse
        entering = None
        if not any_flag(flags):
            entering = _entering(carry, met, steps, reverse=reverse)
        through = partial(
            *(_tangent, parts, weights, dweights, filled(starts, dstarts), entering),
            reverse,
        )
        number = jnp.arange(walk.length) // steps
        inputs = number, xs, dxs, flags, kept, met
        dlast, dys = _chunks(_recomputed(through), filled(carry, dcarry), inputs, walk)
        return settled((last, ys)), (dlast, dys)

    roll.defjvp(roll_jvp, symbolic_zeros=True)
    return roll(parts.prepare(params), carry, xs, starts, flags)


def _onward(
    parts: Parts,
    weights: PyTree,
    walk: Walk,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    starts: Starts,
) -> tuple[PyTree, PyTree]:
    through = partial(roll_forward, parts, weights, starts, walk.reverse)
    zs = jax.eval_shape(parts.project, weights, inputs[0])
    steps = onward_steps(zs, walk.length, walk.steps, parts.made)
    return _chunks(through, carry, inputs, walk._replace(steps=steps))


def _tangent(
    parts: Parts,
    weights: PyTree,
    dweights: PyTree,
    dstarts: Starts,
    entering: PyTree,
    reverse: bool,
    dcarry: PyTree,
    steps: Any,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    number, xs, dxs, flags, kept, met = steps
    if any_flag(flags):
        chunk = Chunk(xs, met, kept, None)
    else:
        first = jax.tree.map(lambda a: a[number[0]], entering)
        chunk = Chunk(xs, _entering(first, met, 1, reverse=reverse), kept, met)
    linear = parts.linearize(weights, dweights, chunk, dxs)
    # What is linear is singular nowhere, whatever it starts from.
    moving = dstarts._replace(invalid=None)

    def body(dcarry: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        linear, flags = inputs
        steered = steer(flags, moving, reverse=reverse)
        return steered(lambda start: parts.tangent(weights, start, linear), dcarry)

    return jax.lax.scan(body, dcarry, (linear, flags), length=length, reverse=reverse)


def _entering(first: PyTree, after: PyTree, steps: int, *, reverse: bool) -> PyTree:
    """The carry that enters each chunk of ``steps``, from those after all steps."""

    def shift(first: Any, after: Any) -> Any:
        parts = [after[steps::steps], first[None]]
        parts = parts if reverse else [first[None], after[steps - 1 : -1 : steps]]
        return jnp.concatenate(parts)

    return jax.tree.map(shift, first, after)


def _chunks(function: Callable, carry: PyTree, xs: PyTree, walk: Walk) -> Any:
    return through_segments(lambda f, **_: f, function, carry, xs, **walk._asdict())


def _recomputed(function: Callable) -> Callable:
    # What a chunk computes is cheaper to compute again than to write down and read.
    def call(carry: PyTree, xs: PyTree, *, length: int) -> tuple[PyTree, PyTree]:
        again = jax.checkpoint(partial(function, length=length), prevent_cse=False)
        return again(carry, xs)

    return call
