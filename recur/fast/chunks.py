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

from recur.fast.keeping import keeping_scan
from recur.fast.parts import Chunk, Parts
from recur.fast.tangents import filled, without_zeros
from recur.flags import Flags, steer
from recur.memory import through_segments
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
    anew: PyTree,
    walk: Walk,
) -> tuple[PyTree, PyTree]:
    """Rolls a step that was taken apart, as ``jax.lax.scan`` would roll it whole.

    Args:
      parts: The step.
      params: Its params.
      carry: Enters the first step taken.
      xs: Time-major inputs, blank where a step is not valid.
      flags: Of each step.
      anew: What a reset starts from.
      walk: Length, size of a chunk, and direction.

    Returns:
      ``(carry, ys)``.
    """

    @jax.custom_jvp
    def roll(weights: Any, carry: Any, xs: Any, anew: Any, flags: Flags) -> Any:
        through = partial(_forward, parts, weights, anew, walk.reverse)
        return _settled(_chunks(through, carry, (xs, flags), walk))

    def roll_jvp(primals: Any, tangents: Any) -> Any:
        weights, carry, xs, anew, flags = primals
        dweights, dcarry, dxs, danew, _ = without_zeros(tangents)
        through = partial(_keeping, parts, weights, anew, walk.reverse)
        # What is kept takes the place of projected inputs only if these are all there.
        whole = walk._replace(steps=walk.length) if parts.in_place else walk
        last, (ys, kept, met) = _chunks(through, carry, (xs, flags), whole)
        entering = None if any_flag(flags) else _entering(carry, met, walk)
        through = partial(
            *(_tangent, parts, weights, dweights, filled(anew, danew), entering),
            walk.reverse,
        )
        number = jnp.arange(walk.length) // walk.steps
        steps = number, xs, dxs, flags, kept, met
        dlast, dys = _chunks(_recomputed(through), filled(carry, dcarry), steps, walk)
        return _settled((last, ys)), (dlast, dys)

    roll.defjvp(roll_jvp, symbolic_zeros=True)
    return roll(parts.prepare(params), carry, xs, anew, flags)


def _forward(
    parts: Parts,
    weights: PyTree,
    anew: PyTree,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    xs, flags = inputs
    inputs = parts.project(weights, xs), flags
    step = partial(_step, parts, weights, anew, reverse)
    scan = partial(jax.lax.scan, xs=inputs, length=length, reverse=reverse)
    if not parts.lands_again:
        return scan(lambda carry, inputs: step(carry, inputs)[:2], carry)

    def writing(carries: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        carry, *_ = carries
        new, y, kept, _ = step(carry, inputs)
        return (new, carry, kept), y

    first = jax.tree.map(lambda a: a[0], inputs[0])
    nothing = jax.eval_shape(parts.gate, weights, carry, first)
    nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), nothing)
    (_, carry, kept), ys = scan(writing, (carry, carry, nothing))
    at_end = jax.tree.map(lambda a: a[0 if reverse else -1], flags)
    land = partial(parts.land, weights, kept=kept)
    carry, _ = steer(at_end, anew, reverse=reverse)(land, carry)
    return carry, ys


def _keeping(
    parts: Parts,
    weights: PyTree,
    anew: PyTree,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Rolls forwards as well; of each step keeps ``kept`` and where the next starts."""

    def roll(
        in_place: bool, weights: Any, anew: Any, carry: Any, xs: Any, flags: Flags
    ) -> Any:
        def body(carry: PyTree, inputs: Any) -> tuple[PyTree, PyTree, PyTree]:
            new, y, kept, start = _step(parts, weights, anew, reverse, carry, inputs)
            # Without flags, where a step starts is where the one before ended.
            return new, (y, start if any_flag(flags) else new), kept

        zs = parts.project(weights, xs)
        scan = partial(keeping_scan, body, carry, (zs, flags), in_place=in_place)
        carry, (ys, met), kept = scan(length=length, reverse=reverse)
        return _settled((carry, (ys, kept, met)))

    once = jax.custom_jvp(partial(roll, parts.in_place))
    # Whoever differentiates this too would copy what is kept of all steps at each.
    once.defjvp(partial(jax.jvp, partial(roll, False)))
    return once(weights, anew, carry, *inputs)


def _step(
    parts: Parts,
    weights: PyTree,
    anew: PyTree,
    reverse: bool,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
) -> tuple[PyTree, ...]:
    z, flags = inputs

    def advance(start: PyTree) -> tuple[PyTree, ...]:
        kept = parts.gate(weights, start, z)
        return *parts.land(weights, start, kept), kept, start

    return steer(flags, anew, reverse=reverse)(advance, carry)


def _tangent(
    parts: Parts,
    weights: PyTree,
    dweights: PyTree,
    danew: PyTree,
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
        chunk = Chunk(xs, _one_earlier(first, met, reverse=reverse), kept, met)
    linear = parts.linearize(weights, dweights, chunk, dxs)

    def body(dcarry: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        linear, flags = inputs
        steered = steer(flags, danew, reverse=reverse)
        return steered(lambda start: parts.tangent(weights, start, linear), dcarry)

    return jax.lax.scan(body, dcarry, (linear, flags), length=length, reverse=reverse)


def _settled(outputs: PyTree) -> PyTree:
    # Under vmap, JAX takes it for granted that a function and its derivative put out
    # their batch axis at the same place: a reshape always puts it first.
    return jax.tree.map(lambda a: a.reshape(1, *a.shape).reshape(a.shape), outputs)


def any_flag(flags: Flags) -> bool:
    """Whether some steps do nothing or start anew."""
    return flags.valid is not None or flags.reset is not None


def _entering(first: PyTree, after: PyTree, walk: Walk) -> PyTree:
    """The carry that enters each chunk, from those after all steps."""
    steps, reverse = walk.steps, walk.reverse

    def select(first: Any, after: Any) -> Any:
        parts = [after[steps::steps], first[None]]
        parts = parts if reverse else [first[None], after[steps - 1 :: steps]]
        return jnp.concatenate(parts)

    return jax.tree.map(select, first, after)


def _one_earlier(first: PyTree, after: PyTree, *, reverse: bool) -> PyTree:
    def shift(first: Any, after: Any) -> Any:
        parts = [after[1:], first[None]] if reverse else [first[None], after[:-1]]
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
