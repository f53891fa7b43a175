"""The way onward through some steps of a step taken apart."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from recur._roll.chunked.inplace_scan import Values, keeping_scan, values_of
from recur._roll.chunked.rule import Parts
from recur._roll.masking import Flags, Starts, steer
from recur.types import Array, PyTree


def roll_forward(
    parts: Parts,
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
    inputs = parts.project(weights, xs), flags
    step = partial(_step, parts, weights, starts, reverse)
    scan = partial(jax.lax.scan, xs=inputs, length=length, reverse=reverse)
    if not parts.lands_again:
        return scan(lambda carry, inputs: step(carry, inputs)[:2], carry)

    def writing(carries: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        carry, *_ = carries
        new, y, kept, _ = step(carry, inputs)
        return (new, carry, kept), y

    first = jax.tree.map(lambda a: a[0], inputs[0])
    # Of values, for shapes forget along which axes of a mesh they vary.
    nothing = jax.tree.map(jnp.zeros_like, parts.gate(weights, carry, first))
    (_, carry, kept), ys = scan(writing, (carry, carry, nothing))
    at_end = jax.tree.map(lambda a: a[0 if reverse else -1], flags)
    land = partial(parts.land, weights, kept=kept)
    carry, _ = steer(at_end, starts, reverse=reverse)(land, carry)
    return carry, ys


def roll_keeping(
    parts: Parts,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    values: Values,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, list[Array]]:
    """Rolls them too, and keeps of each step what ``values`` says."""

    def roll(
        in_place: bool, weights: Any, starts: Any, carry: Any, xs: Any, flags: Flags
    ) -> Any:
        body = _keeping(partial(_step, parts, weights, starts, reverse))
        read = parts.project(weights, xs), flags
        scan = partial(keeping_scan, body, carry, read, values, in_place=in_place)
        return settled(scan(length=length, reverse=reverse))

    once = jax.custom_jvp(partial(roll, parts.in_place))
    # Whoever differentiates this too would copy what is kept of all steps at each.
    once.defjvp(partial(jax.jvp, partial(roll, False)))
    return once(weights, starts, carry, *inputs)


def kept_values(
    parts: Parts,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> Values:
    """What ``roll_keeping`` keeps: ``((y, where the next step starts), kept)``."""
    xs, flags = inputs

    def first(weights: Any, xs: Any, flags: Flags) -> Any:
        read = parts.project(weights, xs), flags
        return jax.tree.map(lambda a: a[0], read)

    one = jax.eval_shape(first, weights, xs, flags)
    body = _keeping(partial(_step, parts, weights, starts, reverse))
    return values_of(body, carry, one)


def _keeping(step: Callable) -> Callable:
    def body(carry: PyTree, inputs: tuple[PyTree, Flags]) -> tuple[PyTree, ...]:
        new, y, kept, start = step(carry, inputs)
        # Without flags, where a step starts is where the one before ended.
        return new, (y, start if any_flag(inputs[1]) else new), kept

    return body


def _step(
    parts: Parts,
    weights: PyTree,
    starts: Starts,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> tuple[PyTree, ...]:
    z, flags = inputs

    def advance(start: PyTree) -> tuple[PyTree, ...]:
        kept = parts.gate(weights, start, z)
        return *parts.land(weights, start, kept), kept, start

    return steer(flags, starts, reverse=reverse)(advance, carry)


def settled(outputs: PyTree) -> PyTree:
    """Gives arrays as they are, under ``jax.vmap`` with their batch axis in front.

    JAX takes it for granted that a function and its rule of differentiation put out
    their batch axis at the same place. A reshape always puts it first.
    """
    return jax.tree.map(lambda a: a.reshape(1, *a.shape).reshape(a.shape), outputs)


def any_flag(flags: Flags) -> bool:
    """Whether some steps do nothing or start anew."""
    return flags.valid is not None or flags.reset is not None
