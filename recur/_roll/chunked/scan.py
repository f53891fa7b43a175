"""The roll in chunks of steps, with one lean derivative for all modes.

A custom JVP: it keeps the residuals that the rule asks for, and its tangent is a
linear recurrence over the same chunks. JAX transposes that into back-propagation
through time, so that reverse mode, forward mode and every mixture of them come from
the same lines.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import drop_symbolic_zeros, instantiate_zeros
from recur._roll.chunked.forward import (
    any_flag,
    batch_axis_first,
    forward_only,
    forward_with_residuals,
    residual_outputs,
)
from recur._roll.chunked.rule import Chunk, StepRule
from recur._roll.chunked.squeeze_batch import squeeze_batch
from recur._roll.chunked.tuning import forward_steps
from recur._roll.flags import Flags
from recur._roll.masking import Starts, apply_masks
from recur._roll.remat import through_segments
from recur.types import PyTree


class ChunkPlan(NamedTuple):
    """How a sequence is walked: ``steps`` at once, from which end."""

    length: int
    steps: int
    reverse: bool


def chunked_roll(
    rule: StepRule,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    starts: Starts,
    walk: ChunkPlan,
) -> tuple[PyTree, PyTree]:
    """Rolls a step that was taken apart, as ``jax.lax.scan`` would roll it whole.

    Args:
      rule: Of the step.
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
        forward = partial(_forward, rule, weights, walk)
        if rule.batch_axes_only:
            forward = partial(squeeze_batch, forward)
        return batch_axis_first(forward(carry, (xs, flags), starts))

    def roll_jvp(primals: Any, tangents: Any) -> Any:
        weights, carry, xs, starts, flags = primals
        dweights, dcarry, dxs, dstarts, _ = drop_symbolic_zeros(tangents)
        step = rule, weights, starts, walk.reverse
        values = residual_outputs(*step, carry, (xs, flags))
        # What is kept takes the place of projected inputs only if these are all there.
        whole = walk._replace(steps=walk.length) if rule.residuals_in_place else walk
        through = partial(forward_with_residuals, *step, values)
        last, rows = _chunks(through, carry, (xs, flags), whole)
        (ys, carries_out), residuals = values.spread(rows)
        steps, reverse = walk.steps, walk.reverse
        carries_in = None
        if not any_flag(flags):
            carries_in = _carries_in(carry, carries_out, steps, reverse=reverse)
        through = partial(
            *(
                _tangent,
                rule,
                weights,
                dweights,
                instantiate_zeros(starts, dstarts),
                carries_in,
            ),
            reverse,
        )
        number = jnp.arange(walk.length) // steps
        inputs = number, xs, dxs, flags, residuals, carries_out
        dlast, dys = _chunks(
            _recomputed(through), instantiate_zeros(carry, dcarry), inputs, walk
        )
        return batch_axis_first((last, ys)), (dlast, dys)

    roll.defjvp(roll_jvp, symbolic_zeros=True)
    return roll(rule.prepare(params), carry, xs, starts, flags)


def _forward(
    rule: StepRule,
    weights: PyTree,
    walk: ChunkPlan,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    starts: Starts,
) -> tuple[PyTree, PyTree]:
    through = partial(forward_only, rule, weights, starts, walk.reverse)
    zs = jax.eval_shape(rule.project, weights, inputs[0])
    steps = forward_steps(zs, walk.length, walk.steps, rule.made)
    return _chunks(through, carry, inputs, walk._replace(steps=steps))


def _tangent(
    rule: StepRule,
    weights: PyTree,
    dweights: PyTree,
    dstarts: Starts,
    carries_in: PyTree,
    reverse: bool,
    dcarry: PyTree,
    steps: Any,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    number, xs, dxs, flags, residuals, carries_out = steps
    if any_flag(flags):
        chunk = Chunk(xs, carries_out, residuals, None)
    else:
        first = jax.tree.map(lambda a: a[number[0]], carries_in)
        chunk = Chunk(
            xs,
            _carries_in(first, carries_out, 1, reverse=reverse),
            residuals,
            carries_out,
        )
    linear = rule.linearize(weights, dweights, chunk, dxs)
    # What is linear is singular nowhere, whatever it starts from.
    moving = dstarts._replace(invalid=None)

    def body(dcarry: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        linear, flags = inputs
        masked_step = apply_masks(flags, moving, reverse=reverse)
        return masked_step(lambda start: rule.tangent(weights, start, linear), dcarry)

    return jax.lax.scan(body, dcarry, (linear, flags), length=length, reverse=reverse)


def _carries_in(first: PyTree, after: PyTree, steps: int, *, reverse: bool) -> PyTree:
    """The carry that enters each chunk of ``steps``, from those after all steps."""

    def shift(first: Any, after: Any) -> Any:
        rule = [after[steps::steps], first[None]]
        rule = rule if reverse else [first[None], after[steps - 1 : -1 : steps]]
        return jnp.concatenate(rule)

    return jax.tree.map(shift, first, after)


def _chunks(function: Callable, carry: PyTree, xs: PyTree, walk: ChunkPlan) -> Any:
    return through_segments(lambda f, **_: f, function, carry, xs, **walk._asdict())


def _recomputed(function: Callable) -> Callable:
    # What a chunk computes is cheaper to compute again than to write down and read.
    def call(carry: PyTree, xs: PyTree, *, length: int) -> tuple[PyTree, PyTree]:
        again = jax.checkpoint(partial(function, length=length), prevent_cse=False)
        return again(carry, xs)

    return call
