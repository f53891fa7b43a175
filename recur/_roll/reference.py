"""The roll as a plain Python loop: its meaning, written out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recur import _arguments as arguments
from recur._roll.first_carry import first_carries
from recur._roll.flags import make_flags
from recur._roll.masking import apply_masks, fill_inputs
from recur._roll.per_step import check_series, fill_series, split_series
from recur._roll.steps import checked_step, step_of
from recur._roll.time_axis import num_steps, swap_time_batch
from recur.types import Array, Cell, PyTree, Step


def static_unroll(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
    reset_carry: PyTree = None,
    reverse: bool = False,
    time_major: bool = True,
    length: int | None = None,
) -> tuple[PyTree, PyTree]:
    """Rolls a step over a sequence in a plain Python loop.

    The meaning of :func:`unroll`, written out: a way to step through a sequence in a
    debugger. Under ``jax.jit`` it traces every step anew.

    Args:
      step: As in :func:`unroll`.
      params: As in :func:`unroll`.
      carry: As in :func:`unroll`.
      xs: As in :func:`unroll`.
      seq_lengths: As in :func:`unroll`.
      mask: As in :func:`unroll`.
      reset: As in :func:`unroll`.
      reset_carry: As in :func:`unroll`.
      reverse: As in :func:`unroll`.
      time_major: As in :func:`unroll`.
      length: As in :func:`unroll`.

    Returns:
      ``(carry, ys)``, as in :func:`unroll`.

    Raises:
      TypeError: As in :func:`unroll`.
      ValueError: As in :func:`unroll`.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> static_unroll(running_sum, None, jnp.float32(0), jnp.arange(4.0))[1]
      Array([0., 1., 3., 6.], dtype=float32)
    """
    where = "static_unroll"
    arguments.check_bools(where, reverse=reverse, time_major=time_major)
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    arguments.check_arrays(where, xs=xs, **flags, reset_carry=reset_carry)
    carry, reset_carry = first_carries(
        where, step, params, carry, xs, reset_carry, time_major=time_major, **flags
    )
    advance = checked_step(where, step_of(where, step))
    length = num_steps(where, xs, length, time_major=time_major)
    check_series(where, params, length)
    flags |= {"reset_carry": reset_carry, "time_major": time_major}
    seen, anew = make_flags(where, carry, xs, length, **flags)
    xs = xs if time_major else swap_time_batch(xs)
    xs, starts = fill_inputs(seen, anew, carry, xs, reverse=reverse)
    params = fill_series(seen.valid, params, reverse=reverse)
    series, params_at = split_series(params)

    def at(_: None, carry: PyTree, inputs: Any) -> tuple[PyTree, ...]:
        x, flags, slices = inputs
        masked_step = apply_masks(flags, starts, reverse=reverse)
        return masked_step(lambda start: advance(params_at(slices), start, x), carry)

    carry, ys = _loop(at, None, carry, (xs, seen, series), length, reverse=reverse)
    return carry, ys if time_major else swap_time_batch(ys)


def _loop(
    step: Callable,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    length: int,
    *,
    reverse: bool,
) -> tuple[PyTree, PyTree]:
    if not length:
        return carry, _no_outputs(step, params, carry, xs)
    ys = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        x = jax.tree.map(lambda a: a[t], xs)  # noqa: B023
        carry, ys[t] = step(params, carry, x)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)


def _no_outputs(
    step: Callable, params: PyTree, carry: PyTree, inputs: PyTree
) -> PyTree:
    def one(a: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(a.shape[1:], a.dtype)

    _, y = jax.eval_shape(step, params, carry, jax.tree.map(one, inputs))
    return jax.tree.map(lambda a: jnp.zeros((0, *a.shape), a.dtype), y)


__all__ = ["static_unroll"]
