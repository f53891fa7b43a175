"""The roll in chunks of steps, with one lean derivative for all modes.

A custom JVP: it keeps the residuals that the rule asks for, and its tangent is a
linear recurrence over the same chunks. JAX transposes that into back-propagation
through time, so that reverse mode, forward mode and every mixture of them come from
the same lines.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import (
    batch_axis_first,
    drop_symbolic_zeros,
    instantiate_zeros,
)
from recur._roll.chunked.forward import (
    any_flag,
    forward_only,
    forward_with_residuals,
    residual_outputs,
)
from recur._roll.chunked.inplace_scan import StackedOutputs
from recur._roll.chunked.rule import Chunk
from recur._roll.chunked.squeeze_batch import squeeze_batch
from recur._roll.chunked.tuning import Tuning, forward_steps
from recur._roll.chunked.ways import Way, by_platform
from recur._roll.flags import Flags
from recur._roll.masking import Starts, apply_masks
from recur._roll.remat import through_segments
from recur.types import Array, PyTree


def chunked_roll(
    ways: Mapping[str, Way],
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    starts: Starts,
) -> tuple[PyTree, PyTree]:
    """Rolls a step that was taken apart, as ``jax.lax.scan`` would roll it whole.

    Args:
      ways: To walk the sequence, by platform.
      params: Of the step.
      carry: Enters the first step taken.
      xs: Time-major inputs, of a step that counts where one does not.
      flags: Of each step.
      starts: What resets and steps that do not count start from.

    Returns:
      ``(carry, ys)``.
    """
    way = next(iter(ways.values()))

    @jax.custom_jvp
    def roll(
        weights: PyTree, carry: PyTree, xs: PyTree, starts: PyTree, flags: Flags
    ) -> PyTree:
        return by_platform(ways, _forward, weights, carry, xs, starts, flags)

    def roll_jvp(primals: PyTree, tangents: PyTree) -> PyTree:
        weights, carry, xs, starts, flags = primals
        dweights, dcarry, dxs, dstarts, _ = drop_symbolic_zeros(tangents)
        values = {w.tuning: residual_outputs(w, *primals) for w in ways.values()}
        last, rows = by_platform(ways, partial(_with_residuals, values), *primals)
        (ys, carries_out), residuals = values[way.tuning].spread(rows)
        moving = instantiate_zeros(carry, dcarry), instantiate_zeros(starts, dstarts)
        kept = carry, xs, flags, residuals, carries_out
        tangent = partial(by_platform, ways, _tangent)
        # Else each way would keep what it computes from these.
        tangent = tangent if len(ways) == 1 else jax.checkpoint(tangent)
        dlast, dys = tangent(weights, dweights, *moving, dxs, *kept)
        return batch_axis_first((last, ys)), (dlast, dys)

    roll.defjvp(roll_jvp, symbolic_zeros=True)
    return roll(way.rule.prepare(params), carry, xs, starts, flags)


def _forward(
    way: Way, weights: PyTree, carry: PyTree, xs: PyTree, starts: Starts, flags: Flags
) -> tuple[PyTree, PyTree]:
    def forward(carry: PyTree, inputs: PyTree, starts: Starts) -> PyTree:
        zs = jax.eval_shape(way.rule.project, weights, inputs[0])
        # In one chunk XLA fuses what is computed twice after all.
        most = -(-way.length // 2) if way.rule.recompute_last_output else way.length
        size = zs, way.length, way.steps, way.rule.made
        steps = forward_steps(way.tuning, *size, most=most)
        through = partial(forward_only, way, weights, starts)
        return _chunks(through, carry, inputs, way._replace(steps=steps))

    if way.rule.batch_axes_only:
        return batch_axis_first(squeeze_batch(forward, carry, (xs, flags), starts))
    return batch_axis_first(forward(carry, (xs, flags), starts))


def _with_residuals(
    values: Mapping[Tuning, StackedOutputs],
    way: Way,
    weights: PyTree,
    carry: PyTree,
    xs: PyTree,
    starts: Starts,
    flags: Flags,
) -> tuple[PyTree, list[Array]]:
    kept = values[way.tuning]
    through = partial(forward_with_residuals, way, weights, starts, kept)
    # What is kept takes the place of projected inputs only if these are all there.
    whole = way._replace(steps=way.length) if way.rule.residuals_in_place else way
    return _chunks(through, carry, (xs, flags), whole)


def _tangent(
    way: Way,
    weights: PyTree,
    dweights: PyTree,
    dcarry: PyTree,
    dstarts: Starts,
    dxs: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    residuals: PyTree,
    carries_out: PyTree,
) -> tuple[PyTree, PyTree]:
    carries_in = None
    if not any_flag(flags):
        carries_in = _carries_in(carry, carries_out, way.steps, reverse=way.reverse)
    number = jnp.arange(way.length) // way.steps
    inputs = number, xs, dxs, flags, residuals, carries_out
    through = partial(_chunk_tangent, way, weights, dweights, dstarts, carries_in)
    return _chunks(_recomputed(through), dcarry, inputs, way)


def _chunk_tangent(
    way: Way,
    weights: PyTree,
    dweights: PyTree,
    dstarts: Starts,
    carries_in: PyTree,
    dcarry: PyTree,
    steps: PyTree,
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    number, xs, dxs, flags, residuals, carries_out = steps
    rule, reverse = way.rule, way.reverse
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

    def body(dcarry: PyTree, inputs: PyTree) -> tuple[PyTree, PyTree]:
        linear, flags = inputs
        masked_step = apply_masks(flags, moving, reverse=reverse)
        return masked_step(lambda start: rule.tangent(weights, start, linear), dcarry)

    unroll = way.tuning.scan_unroll
    return jax.lax.scan(body, dcarry, (linear, flags), length, reverse, unroll)


def _carries_in(first: PyTree, after: PyTree, steps: int, *, reverse: bool) -> PyTree:
    """The carry that enters each chunk of ``steps``, from those after all steps."""

    def shift(first: PyTree, after: PyTree) -> PyTree:
        rule = [after[steps::steps], first[None]]
        rule = rule if reverse else [first[None], after[steps - 1 : -1 : steps]]
        return jnp.concatenate(rule)

    return jax.tree.map(shift, first, after)


def _chunks(function: Callable, carry: PyTree, xs: PyTree, way: Way) -> PyTree:
    walk = {"length": way.length, "steps": way.steps, "reverse": way.reverse}
    return through_segments(lambda f, **_: f, function, carry, xs, **walk)


def _recomputed(function: Callable) -> Callable:
    # What a chunk computes is cheaper to compute again than to write down and read.
    def call(carry: PyTree, xs: PyTree, *, length: int) -> tuple[PyTree, PyTree]:
        again = jax.checkpoint(partial(function, length=length), prevent_cse=False)
        return again(carry, xs)

    return call
