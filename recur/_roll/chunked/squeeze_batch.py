"""A roll of one row, as the roll of a sequence that has no axis of rows."""

import math
from collections.abc import Callable

import jax

from recur.types import Array, PyTree

_Axes = tuple[int, ...]


def squeeze_batch(
    roll: Callable, carry: PyTree, over_time: PyTree, starts: PyTree
) -> tuple[PyTree, PyTree]:
    """Calls ``roll(carry, over_time, starts)`` without leading axes of size 1.

    With them, XLA's CPU backend copies ``h [1, H]`` at every step, to ``[H, 1]`` for
    the product; ``[H]`` it takes as it is.

    Args:
      roll: ``-> (carry, ys)``, for any number of axes of rows.
      carry: Arrays ``[..., H]``, all with the same leading axes.
      over_time: Arrays ``[T, ...]`` with these axes, or some of the first of them.
      starts: Trees like ``carry``, or ``None``.

    Returns:
      ``(carry, ys)``, as ``roll`` gives them with these axes.

    Example:
      >>> roll = lambda carry, xs, starts: (carry + xs.sum(0), xs)
      >>> carry, ys = squeeze_batch(roll, jnp.zeros((1, 2)), jnp.ones((3, 1, 2)), None)
      >>> carry.shape, ys.shape
      ((1, 2), (3, 1, 2))
    """
    rows = jax.tree.leaves(carry)[0].shape[:-1]
    if not rows or math.prod(rows) != 1:
        return roll(carry, over_time, starts)
    carry, over_time, starts = (
        _exchange(tree, axis, rows, ())
        for tree, axis in ((carry, 0), (over_time, 1), (starts, 0))
    )
    carry, ys = roll(carry, over_time, starts)
    return _exchange(carry, 0, (), rows), _exchange(ys, 1, (), rows)


def _exchange(tree: PyTree, axis: int, old: _Axes, new: _Axes) -> PyTree:
    def exchange(a: Array) -> Array:
        return a.reshape(a.shape[:axis] + new + a.shape[axis + len(old) :])

    return jax.tree.map(exchange, tree)
