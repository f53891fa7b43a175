"""Outputs of a roll at steps that do not count."""

from typing import Any, get_args

import jax
import jax.numpy as jnp

from recur._roll.flags import valid_steps
from recur._roll.padding import tree_where
from recur._roll.time_axis import swap_time_batch
from recur.types import Array, InvalidYs, PyTree


def hold_outputs(
    ys: PyTree, xs: PyTree, *, reverse: bool, time_major: bool, **flags: Any
) -> PyTree:
    """Puts the last valid output in the place of those that are zero.

    Example:
      >>> ys, mask = jnp.array([1.0, 0.0, 2.0]), jnp.array([True, False, True])
      >>> hold_outputs(ys, ys, reverse=False, time_major=True, mask=mask)
      Array([1., 1., 2.], dtype=float32)
    """
    valid = valid_steps(xs, time_major=time_major, **flags)
    if valid is None:
        return ys
    turn = (lambda tree: tree) if time_major else swap_time_batch
    return turn(jax.tree.map(lambda a: _hold(valid, a, reverse=reverse), turn(ys)))


def check_invalid_ys(where: str, invalid_ys: object) -> None:
    """Refuses a choice that is not known."""
    if not isinstance(invalid_ys, str) or invalid_ys not in get_args(InvalidYs):
        raise ValueError(
            f"{where}: invalid_ys is {invalid_ys!r}; expected 'zero' or 'hold'."
        )


def _hold(valid: Array, ys: Array, *, reverse: bool) -> Array:
    t = jax.lax.broadcasted_iota(jnp.int32, valid.shape, 0)
    if reverse:
        at = jax.lax.cummin(jnp.where(valid, t, len(t)), reverse=True)
    else:
        at = jax.lax.cummax(jnp.where(valid, t, -1))
    index = jnp.clip(at, 0, len(t) - 1)
    index = index.reshape(index.shape + (1,) * (ys.ndim - index.ndim))
    held = jnp.take_along_axis(ys, index, axis=0)
    return tree_where((at >= 0) & (at < len(t)), held, None)
