"""Gradient accumulation: a batch in parts, of which one at a time is in memory."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays
from recur.types import Array, DTypeLike, PyTree

Part: TypeAlias = Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]


def split_batch(batch: PyTree, count: int, *, axis: int = 0) -> PyTree:
    """Deals the rows of a batch out to microbatches, on a new first axis.

    Microbatch ``i`` has the rows ``i, i + count, i + 2 count, …``: so each device of a
    mesh, which has some rows that follow one another, keeps its own.

    Args:
      batch: Pytree of arrays, such as a carry ``[B, ...]`` or ``xs`` ``[T, B, ...]``.
      count: The number of microbatches.
      axis: The axis of the rows: 0 for a carry, 1 for what is time-major.

    Returns:
      The batch with leaves ``[count, ...]``, where ``axis`` is shorter by ``count``.

    Raises:
      TypeError: If ``count`` or ``axis`` is not an integer, or a leaf no array.
      ValueError: If the rows cannot be cut into ``count`` equal parts.

    Example:
      >>> split_batch(jnp.ones((7, 6, 3)), 2, axis=1).shape
      (2, 7, 3, 3)
    """
    checks.check_size("split_batch", "count", count)
    check_arrays("split_batch", batch=batch)
    if isinstance(axis, bool) or not isinstance(axis, int) or axis < 0:
        raise TypeError(
            f"split_batch: axis is {checks.describe(axis)}; expected an integer of 0 "
            "or more, counted from the front."
        )

    def split(a: Array) -> Array:
        if jnp.ndim(a) <= axis or a.shape[axis] % count:
            raise ValueError(
                f"split_batch: batch has a leaf {checks.describe(a)}; expected rows on "
                f"axis {axis} that {count} divides. Choose another count or axis."
            )
        size = a.shape[axis] // count
        shape = (*a.shape[:axis], size, count, *a.shape[axis + 1 :])
        return jnp.moveaxis(a.reshape(shape), axis + 1, 0)

    return jax.tree.map(split, batch)


def mean_over_parts(
    part: Part, count: int, carry: PyTree, batch: PyTree
) -> tuple[PyTree, PyTree]:
    """Averages ``part(carry, batch) -> (value, carry)`` over a first axis.

    Sums are float32 or wider. The carries that come back have that axis again.

    Example:
      >>> square = lambda carry, x: (x**2, carry)
      >>> mean_over_parts(square, 2, None, jnp.array([1.0, 3.0]))[0]
      Array(5., dtype=float32)
    """
    if count == 1:
        return part(carry, batch)
    for leaf in jax.tree.leaves((carry, batch)):
        if jnp.shape(leaf)[:1] != (count,):
            raise ValueError(
                f"make_train_step: carry or batch has a leaf {checks.describe(leaf)}; "
                f"expected a first axis of accumulate={count} microbatches. Cut them "
                "with split_batch."
            )

    def add(total: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        value, carry = part(*inputs)
        return jax.tree.map(lambda a, v: a + v.astype(a.dtype), total, value), carry

    like = jax.eval_shape(part, *jax.tree.map(lambda a: a[0], (carry, batch)))[0]
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, wide(a.dtype)), like)
    total, carry = jax.lax.scan(add, zeros, (carry, batch))
    return jax.tree.map(lambda a, v: (a / count).astype(v.dtype), total, like), carry


def wide(dtype: DTypeLike) -> DTypeLike:
    """The dtype itself, or float32 if that is wider.

    Example:
      >>> wide(jnp.bfloat16), wide(jnp.float64)
      (dtype('float32'), dtype('float64'))
    """
    dtype = jnp.dtype(dtype)
    return dtype if dtype.itemsize >= 4 else jnp.dtype(jnp.float32)


__all__ = ["split_batch"]
