"""The way onward through some steps of a step taken apart."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from recur._roll.chunked.inplace_scan import (
    StackedOutputs,
    inplace_scan,
    stacked_outputs,
)
from recur._roll.chunked.rule import StepRule
from recur._roll.flags import Flags
from recur._roll.masking import Starts, apply_masks
from recur.types import Array, PyTree


def forward_only(
    rule: StepRule,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Rolls some steps, and keeps nothing of them."""
    xs, flags = inputs
    inputs = rule.project(weights, xs), flags
    step = partial(_step, rule, weights, starts, reverse)
    scan = partial(jax.lax.scan, xs=inputs, length=length, reverse=reverse)
    if not rule.recompute_last_output:
        return scan(lambda carry, inputs: step(carry, inputs)[:2], carry)

    def writing(carries: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
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
    rule: StepRule,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    values: StackedOutputs,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, list[Array]]:
    """Rolls them too, and keeps of each step what ``values`` says."""

    def roll(
        residuals_in_place: bool,
        weights: Any,
        starts: Any,
        carry: Any,
        xs: Any,
        flags: Flags,
    ) -> Any:
        body = _keeping(partial(_step, rule, weights, starts, reverse))
        read = rule.project(weights, xs), flags
        scan = partial(
            inplace_scan,
            body,
            carry,
            read,
            values,
            residuals_in_place=residuals_in_place,
        )
        return batch_axis_first(scan(length=length, reverse=reverse))

    once = jax.custom_jvp(partial(roll, rule.residuals_in_place))
    # Whoever differentiates this too would copy what is kept of all steps at each.
    once.defjvp(partial(jax.jvp, partial(roll, False)))
    return once(weights, starts, carry, *inputs)


def residual_outputs(
    rule: StepRule,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> StackedOutputs:
    """What that stacks: ``((y, the carry that enters the next step), residuals)``."""
    xs, flags = inputs

    def first(weights: Any, xs: Any, flags: Flags) -> Any:
        read = rule.project(weights, xs), flags
        return jax.tree.map(lambda a: a[0], read)

    one = jax.eval_shape(first, weights, xs, flags)
    body = _keeping(partial(_step, rule, weights, starts, reverse))
    return stacked_outputs(body, carry, one)


def _keeping(step: Callable) -> Callable:
    def body(carry: PyTree, inputs: tuple[PyTree, Flags]) -> tuple[PyTree, ...]:
        new, y, residuals, start = step(carry, inputs)
        # Without flags, where a step starts is where the one before ended.
        return new, (y, start if any_flag(inputs[1]) else new), residuals

    return body


def _step(
    rule: StepRule,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> tuple[PyTree, ...]:
    z, flags = inputs

    def advance(start: PyTree) -> tuple[PyTree, ...]:
        residuals = rule.forward(weights, start, z)
        return *rule.output(weights, start, residuals), residuals, start

    return apply_masks(flags, starts, reverse=reverse)(advance, carry)


def batch_axis_first(outputs: PyTree) -> PyTree:
    """Gives arrays as they are, under ``jax.vmap`` with their batch axis in front.

    JAX takes it for granted that a function and its rule of differentiation put out
    their batch axis at the same place. A reshape always puts it first.
    """
    return jax.tree.map(lambda a: a.reshape(1, *a.shape).reshape(a.shape), outputs)


def any_flag(flags: Flags) -> bool:
    """Whether some steps do nothing or start anew."""
    return flags.valid is not None or flags.reset is not None
