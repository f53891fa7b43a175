"""Sequences that a search keeps beside each other, and which of them are the best."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.types import Array


class Hypotheses(NamedTuple):
    """Sequences that were found, the best first.

    Args:
      tokens: Class numbers, ``[N, length, ...]``; after the end of a sequence, ``end``.
      scores: ``[N, ...]``, minus infinity where there are fewer sequences than ``N``.
      lengths: Number of classes, the end included, ``[N, ...]``.
    """

    tokens: Array
    scores: Array
    lengths: Array


def put(tokens: Array, classes: Any, t: Array, *, onwards: bool = False) -> Array:
    """Writes classes at step ``t`` of ``[N, length, ...]``, or there and after it.

    Example:
      >>> put(jnp.zeros((1, 4), int), 7, 2, onwards=True)
      Array([[0, 0, 7, 7]], dtype=int32...)
    """
    times = jnp.arange(tokens.shape[1], dtype=jnp.int32).reshape(
        -1, *[1] * (tokens.ndim - 2)
    )
    here = times >= t if onwards else times == t
    classes = jnp.asarray(classes, tokens.dtype)
    return jnp.where(here, classes if classes.ndim == 0 else classes[:, None], tokens)


def likeliest(scores: Array) -> tuple[Array, Array, Array]:
    """Of ``[N, ..., V]`` the ``N`` best: their scores, parents and classes.

    Example:
      >>> likeliest(jnp.array([[-1.0, -4.0], [-3.0, -2.0]]))
      (Array([-1., -2.], dtype=float32), Array([0, 1], ...), Array([0, 1], ...))
    """
    beams, classes = scores.shape[0], scores.shape[-1]
    flat = jnp.moveaxis(scores, 0, -2).reshape(*scores.shape[1:-1], beams * classes)
    top, index = _top(flat, beams)
    return top, index // classes, index % classes


def best_of(one: Hypotheses, other: Hypotheses) -> Hypotheses:
    """The ``N`` best of both, the best first.

    Example:
      >>> size = jnp.array([1])
      >>> one = Hypotheses(jnp.array([[2]]), jnp.array([-2.0]), size)
      >>> best_of(one, Hypotheses(jnp.array([[1]]), jnp.array([-1.0]), size)).tokens
      Array([[1]], dtype=int32...)
    """
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), one, other)
    top, index = _top(jnp.moveaxis(both.scores, 0, -1), len(one.scores))
    return Hypotheses(pick(both.tokens, index, 1), top, pick(both.lengths, index, 0))


def _top(scores: Array, count: int) -> tuple[Array, Array]:
    """The best of the last axis and where they stand, on the first."""
    top, index = jax.lax.top_k(scores, count)
    return jnp.moveaxis(top, -1, 0), jnp.moveaxis(index, -1, 0)


def pick(a: Array, index: Array, time_axes: int) -> Array:
    """Takes of ``[M, *time, ..., *rest]`` the entries ``[N, ...]``, row by row.

    Example:
      >>> pick(jnp.array([[1, 2], [3, 4]]), jnp.array([[1, 0]]), 0)
      Array([[3, 2]], dtype=int32...)
    """
    where = jnp.expand_dims(index, tuple(range(1, 1 + time_axes)))
    where = where.reshape(*where.shape, *[1] * (a.ndim - where.ndim))
    return jnp.take_along_axis(a, where, axis=0)


def of_parents(a: Array, parents: Array, rows: tuple[int, ...]) -> Array:
    """Hands the carry of a sequence on to what goes on from it.

    Example:
      >>> of_parents(jnp.array([[1], [2]]), jnp.array([[1], [1]]), (1,))
      Array([[2],
             [2]], dtype=int32...)
    """
    of_rows = a.shape[1 : 1 + len(rows)] == rows
    return pick(a, parents, 0) if of_rows else a


__all__ = ["Hypotheses"]
