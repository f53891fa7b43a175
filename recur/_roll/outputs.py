"""Outputs of a roll at steps that do not count, and at the last that does."""

from typing import Any, get_args

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._roll.flags import make_flags, valid_steps
from recur._roll.padding import last_of, tree_where
from recur._roll.time_axis import num_steps, swap_time_batch
from recur.types import Array, InvalidYs, PyTree


def last_output(
    ys: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reverse: bool = False,
    time_major: bool = True,
) -> PyTree:
    r"""Takes of the outputs of a roll those of the last valid step of each row.

    .. math::
        y_b = y_{t_b, b}, \qquad t_b = \max \{t : t \text{ is valid in row } b\}

    Args:
      ys: Outputs of :func:`recur.unroll`, ``[T, ...]``, or ``[B, T, ...]`` if not
        ``time_major``.
      seq_lengths: What the roll was given.
      mask: What the roll was given.
      reverse: What the roll was given; walking backwards, the last step is the first
        in time.
      time_major: What the roll was given.

    Returns:
      Outputs ``[...]`` without a time axis; zero for a row without a valid step.

    Raises:
      ValueError: If ``ys`` have no time axis.

    Example:
      >>> ys = jnp.array([[1.0, 4.0], [2.0, 0.0]])
      >>> last_output(ys, seq_lengths=jnp.array([2, 1]))
      Array([2., 4.], dtype=float32)
    """
    where = "last_output"
    check_bools(where, reverse=reverse, time_major=time_major)
    steps = num_steps(where, ys, None, time_major=time_major, called="ys")
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": None}
    flags |= {"reset_carry": None, "time_major": time_major, "called": "ys"}
    valid = make_flags(where, None, ys, steps, **flags)[0].valid
    ys = ys if time_major else swap_time_batch(ys)
    if valid is None and not steps:
        valid = jnp.ones(0, bool)
    if valid is None:
        return jax.tree.map(lambda a: a[0 if reverse else -1], ys)
    return last_of(valid, ys, reverse=reverse)


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


__all__ = ["last_output"]
