"""What a step is run on where it does not count: what a step that counts has seen.

Zeros would do for most steps, but ``log``, ``sqrt``, a norm or a division is singular
there, and its derivative, times the cotangent 0, is NaN.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.types import Array, PyTree

BENIGN = 0.5
"""What is seen if no step counts: ``log``, ``1 / x``, ``arctanh`` are finite there."""


class Donors(NamedTuple):
    """Which step each row borrows from, where its own do not count."""

    first: Array  # bool [T, ...], the first valid step that is walked of each row
    rows: Array  # bool [...], the row that lends to rows without any


def tree_where(flag: Array, yes: PyTree, no: PyTree | None) -> PyTree:
    """Takes rows from ``yes`` where ``flag`` is True, else from ``no`` or zeros.

    Example:
      >>> tree_where(jnp.array([True, False]), jnp.ones((2, 2)), None)
      Array([[1., 1.],
             [0., 0.]], dtype=float32)
    """
    no = jax.tree.map(jnp.zeros_like, yes) if no is None else no

    def choose(a: Array, b: Array) -> Array:
        rows = flag.reshape(flag.shape + (1,) * (jnp.ndim(a) - flag.ndim))
        return jnp.where(rows, a, b)

    return jax.tree.map(choose, yes, no)


def donors(valid: Array, *, reverse: bool) -> Donors:
    """Finds the steps that lend.

    The first valid step that is walked, for what carry it starts from is known before
    the roll.

    Example:
      >>> donors(jnp.array([[False, False], [True, False]]), reverse=False).rows
      Array([ True, False], dtype=bool)
    """
    steps = valid.shape[0]
    at = jnp.argmax(valid[::-1] if reverse else valid, 0)
    at = steps - 1 - at if reverse else at
    t = jax.lax.broadcasted_iota(at.dtype, valid.shape, 0)
    first = (t == at[None]) & valid
    some = jnp.any(first, 0)
    count = math.prod(some.shape)
    row = jnp.arange(count).reshape(some.shape)
    return Donors(first, row == jnp.min(jnp.where(some, row, count), initial=count))


def lend(lenders: Donors, tree: PyTree) -> PyTree:
    """Takes of ``[T, ...]`` what each row borrows, ``[...]``, without derivative.

    Example:
      >>> lenders = donors(jnp.array([[True, False], [True, False]]), reverse=False)
      >>> lend(lenders, jnp.array([[3.0, jnp.nan], [4.0, jnp.nan]]))
      Array([3., 3.], dtype=float32)
    """
    of_row = map_numbers(lambda a: _only(lenders.first, a, 0), tree)
    return lend_rows(lenders, of_row)


def lend_rows(lenders: Donors, tree: PyTree) -> PyTree:
    """Gives rows ``[...]`` without a valid step what the row has that lends to them.

    If no row has one, all get what is benign: a carry may be zero as well.

    Example:
      >>> lenders = donors(jnp.array([[True, False]]), reverse=False)
      >>> lend_rows(lenders, jnp.array([3.0, 0.0]))
      Array([3., 3.], dtype=float32)
    """
    some = jnp.any(lenders.first, 0)
    rows = tuple(range(some.ndim))

    def one(a: Array) -> Array:
        benign = BENIGN if jnp.issubdtype(a.dtype, jnp.inexact) else 0
        lent = jnp.expand_dims(_only(lenders.rows, a, rows), rows)
        lent = jnp.where(jnp.any(some), lent, jnp.full_like(lent, benign))
        return tree_where(some, a, jnp.broadcast_to(lent, a.shape))

    return jax.lax.stop_gradient(map_numbers(one, tree))


def fill_invalid(valid: Array | None, tree: PyTree, *, reverse: bool = False) -> PyTree:
    """Puts in the place of each step that does not count one that does.

    Args:
      valid: ``[T, ...]``, or ``None`` if all count.
      tree: Pytree of arrays ``[T, ...]``.
      reverse: Whether the walk begins at the end.

    Example:
      >>> fill_invalid(jnp.array([True, False]), jnp.array([2.0, jnp.nan]))
      Array([2., 2.], dtype=float32)
    """
    if valid is None or not valid.shape[0]:
        return tree
    return fill_from(donors(valid, reverse=reverse), valid, tree)


def fill_from(lenders: Donors, valid: Array, tree: PyTree) -> PyTree:
    """Does what :func:`fill_invalid` does, for lenders that are known.

    Example:
      >>> valid = jnp.array([True, False])
      >>> fill_from(donors(valid, reverse=False), valid, jnp.array([2.0, jnp.nan]))
      Array([2., 2.], dtype=float32)
    """
    return fill_with(lend(lenders, tree), valid, tree)


def fill_with(lent: PyTree, valid: Array, tree: PyTree) -> PyTree:
    """Does it with what is lent, ``[...]``, to every step of ``[T, ...]``.

    Example:
      >>> fill_with(jnp.float32(2), jnp.array([True, False]), jnp.array([1.0, 0.0]))
      Array([1., 2.], dtype=float32)
    """
    return map_numbers(lambda a, b: tree_where(valid, a, b[None]), tree, lent)


def map_valid(function: Callable, valid: Array | None, *trees: PyTree) -> PyTree:
    """Calls ``function(*trees)`` on arrays ``[T, ...]``, with zeros where none counts.

    Example:
      >>> map_valid(jnp.log, jnp.array([True, False]), jnp.array([1.0, 0.0]))
      Array([0., 0.], dtype=float32)
    """
    if valid is None:
        return function(*trees)
    return tree_where(valid, function(*fill_invalid(valid, trees)), None)


def last_of(valid: Array, tree: PyTree, *, reverse: bool = False) -> PyTree:
    """Takes of ``[T, ...]`` the last valid step of each row on the walk, or zeros.

    Example:
      >>> last_of(jnp.array([True, True, False]), jnp.array([1.0, 2.0, 3.0]))
      Array(2., dtype=float32)
    """
    if not valid.shape[0]:
        return jax.tree.map(lambda a: jnp.zeros(a.shape[1:], a.dtype), tree)
    last = donors(valid, reverse=not reverse).first
    return jax.tree.map(lambda a: _only(last, a, 0), tree)


def map_numbers(function: Callable, *trees: PyTree) -> PyTree:
    """Maps leaves that are numbers; random keys stay as they are, any of them will do.

    Example:
      >>> map_numbers(jnp.negative, (1.0, jax.random.key(0)))[0]
      Array(-1., dtype=float32, weak_type=True)
    """

    def one(a: Any, *others: Any) -> Any:
        a = jnp.asarray(a)
        extended = jnp.issubdtype(a.dtype, jax.dtypes.extended)
        return a if extended else function(a, *others)

    return jax.tree.map(one, *trees)


def _only(flag: Array, a: Array, axes: int | tuple[int, ...]) -> Array:
    """Sums over ``axes``, along which ``flag`` is True at most once.

    Partitioners follow a sum along sharded rows, where they gather for an index.
    """
    return jnp.sum(tree_where(flag, a, None), axes, dtype=a.dtype)
