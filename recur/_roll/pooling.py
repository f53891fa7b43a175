"""One output for a whole sequence: the last, the mean or the largest of its rows."""

from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._ops.wide import wide
from recur._roll.flags import make_flags
from recur._roll.padding import last_of, tree_where
from recur._roll.time_axis import num_steps, swap_time_batch
from recur.types import Array, PyTree


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

    There the backward cell of a :class:`Bidirectional` has read one input only: what
    each cell has at its own end is ``carry.join()``.

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
    check_bools(where, reverse=reverse)
    ys, valid = valid_outputs(where, ys, seq_lengths, mask, time_major=time_major)
    if seq_lengths is None and mask is None and len(valid):
        return jax.tree.map(lambda a: a[0 if reverse else -1], ys)
    return last_of(valid, ys, reverse=reverse)


def mean_output(
    ys: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    time_major: bool = True,
) -> PyTree:
    r"""Takes the mean of the outputs of a roll over the valid steps of each row.

    .. math::
        \bar y_b = \frac{1}{|\{t \text{ valid}\}|} \sum_{t \text{ valid}} y_{t, b}

    Args:
      ys: Outputs of :func:`recur.unroll`, ``[T, ...]``, or ``[B, T, ...]`` if not
        ``time_major``.
      seq_lengths: What the roll was given.
      mask: What the roll was given.
      time_major: What the roll was given.

    Returns:
      Outputs ``[...]`` without a time axis, in the dtype of ``ys``, summed in float32
      or wider; zero for a row without a valid step.

    Raises:
      ValueError: If ``ys`` have no time axis.

    Example:
      >>> ys = jnp.array([[1.0, 4.0], [2.0, 0.0]])
      >>> mean_output(ys, seq_lengths=jnp.array([2, 1]))
      Array([1.5, 4. ], dtype=float32)
    """
    ys, valid = valid_outputs(
        "mean_output", ys, seq_lengths, mask, time_major=time_major
    )

    def mean(a: Array) -> Array:
        total = tree_where(valid, a, None).sum(0, dtype=wide(a.dtype))
        count = jnp.maximum(valid.sum(0), 1).astype(total.dtype)
        count = count.reshape(count.shape + (1,) * (total.ndim - count.ndim))
        return (total / count).astype(a.dtype)

    return jax.tree.map(mean, ys)


def max_output(
    ys: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    time_major: bool = True,
) -> PyTree:
    r"""Takes the largest of the outputs of a roll, entry by entry, of each row.

    .. math::
        y_{b, i} = \max_{t \text{ valid}} y_{t, b, i}

    Args:
      ys: Outputs of :func:`recur.unroll`, ``[T, ...]``, or ``[B, T, ...]`` if not
        ``time_major``.
      seq_lengths: What the roll was given.
      mask: What the roll was given.
      time_major: What the roll was given.

    Returns:
      Outputs ``[...]`` without a time axis; zero for a row without a valid step.

    Raises:
      ValueError: If ``ys`` have no time axis.

    Example:
      >>> ys = jnp.array([[1.0, -4.0], [2.0, 0.0]])
      >>> max_output(ys, seq_lengths=jnp.array([2, 1]))
      Array([ 2., -4.], dtype=float32)
    """
    ys, valid = valid_outputs(
        "max_output", ys, seq_lengths, mask, time_major=time_major
    )

    def largest(a: Array) -> Array:
        floating = jnp.issubdtype(a.dtype, jnp.floating)
        least = -jnp.inf if floating else jnp.iinfo(a.dtype).min
        found = tree_where(valid, a, jnp.full_like(a, least)).max(0, initial=least)
        return tree_where(valid.any(0), found, None)

    return jax.tree.map(largest, ys)


def valid_outputs(
    where: str,
    ys: PyTree,
    seq_lengths: Array | None,
    mask: Array | None,
    *,
    time_major: bool,
) -> tuple[PyTree, Array]:
    """Gives outputs time first, and which steps of them count."""
    check_bools(where, time_major=time_major)
    steps = num_steps(where, ys, None, time_major=time_major, called="ys")
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": None}
    flags |= {"reset_carry": None, "time_major": time_major, "called": "ys"}
    valid = make_flags(where, None, ys, steps, **flags)[0].valid
    ys = ys if time_major else swap_time_batch(ys)
    return ys, jnp.ones(steps, bool) if valid is None else valid


__all__ = ["last_output", "max_output", "mean_output"]
