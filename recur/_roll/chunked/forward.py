"""The way onward through some steps of a step taken apart."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import batch_axis_first
from recur._roll.chunked.inplace_scan import (
    StackedOutputs,
    inplace_scan,
    stacked_outputs,
)
from recur._roll.chunked.ways import Way
from recur._roll.flags import Flags
from recur._roll.masking import Starts, apply_masks
from recur.types import Array, PyTree


def forward_only(
    way: Way,
    weights: PyTree,
    starts: Starts,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Rolls some steps, and keeps nothing of them."""
    (xs, flags), rule, reverse = inputs, way.rule, way.reverse
    inputs = rule.project(weights, xs), flags
    step = partial(_step, way, weights, starts)
    unroll = way.tuning.scan_unroll
    scan = partial(
        jax.lax.scan, xs=inputs, length=length, reverse=reverse, unroll=unroll
    )
    if not rule.recompute_last_output:
        return scan(lambda carry, inputs: step(carry, inputs)[:2], carry)

    def writing(carries: PyTree, inputs: PyTree) -> tuple[PyTree, PyTree]:
        carry, *_ = carries
        new, y, residuals, _ = step(carry, inputs)
        return (new, carry, residuals), y

    first = jax.tree.map(lambda a: a[0], inputs[0])
    # Of values, for shapes forget along which axes of a mesh they vary.
    nothing = jax.tree.map(jnp.zeros_like, rule.forward(weights, carry, first))
    (_, carry, residuals), ys = scan(writing, (carry, carry, nothing))
    at_end = jax.tree.map(lambda a: a[0 if reverse else -1], flags)
    output = partial(rule.output, weights, residuals=residuals)
    carry, _ = apply_masks(at_end, starts, reverse=reverse)(output, carry)
    return carry, ys


def forward_with_residuals(
    way: Way,
    weights: PyTree,
    starts: Starts,
    values: StackedOutputs,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, list[Array]]:
    """Rolls them too, and keeps of each step what ``values`` says."""

    def roll(
        residuals_in_place: bool,
        weights: PyTree,
        starts: PyTree,
        carry: PyTree,
        xs: PyTree,
        flags: Flags,
    ) -> PyTree:
        scan = partial(
            inplace_scan,
            _keeping(partial(_step, way, weights, starts)),
            carry,
            (way.rule.project(weights, xs), flags),
            values,
            residuals_in_place=residuals_in_place,
            unroll=way.tuning.scan_unroll,
        )
        return batch_axis_first(scan(length=length, reverse=way.reverse))

    if not way.rule.residuals_in_place:
        return roll(False, weights, starts, carry, *inputs)
    once = jax.custom_jvp(partial(roll, True))
    # Whoever differentiates this too would copy what is kept of all steps at each.
    once.defjvp(partial(jax.jvp, partial(roll, False)))
    return once(weights, starts, carry, *inputs)


def residual_outputs(
    way: Way, weights: PyTree, carry: PyTree, xs: PyTree, starts: Starts, flags: Flags
) -> StackedOutputs:
    """What that stacks: ``((y, the carry that enters the next step), residuals)``."""

    def first(weights: PyTree, xs: PyTree, flags: Flags) -> PyTree:
        read = way.rule.project(weights, xs), flags
        return jax.tree.map(lambda a: a[0], read)

    one = jax.eval_shape(first, weights, xs, flags)
    body = _keeping(partial(_step, way, weights, starts))
    return stacked_outputs(body, carry, one)


def _keeping(step: Callable) -> Callable:
    def body(carry: PyTree, inputs: tuple[PyTree, Flags]) -> tuple[PyTree, ...]:
        new, y, residuals, start = step(carry, inputs)
        # Without flags, where a step starts is where the one before ended.
        return new, (y, start if any_flag(inputs[1]) else new), residuals

    return body


def _step(
    way: Way,
    weights: PyTree,
    starts: Starts,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> tuple[PyTree, ...]:
    (z, flags), rule = inputs, way.rule

    def advance(start: PyTree) -> tuple[PyTree, ...]:
        residuals = rule.forward(weights, start, z)
        return *rule.output(weights, start, residuals), residuals, start

    return apply_masks(flags, starts, reverse=way.reverse)(advance, carry)


def any_flag(flags: Flags) -> bool:
    """Whether some steps do nothing or start anew."""
    return flags.valid is not None or flags.reset is not None
