"""A scan that keeps only the carries between segments, and computes the rest again."""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._portable import is_symbolic
from recur._roll.chunked.tuning import even_steps
from recur.types import Array, PyTree, Remat


def segment_steps(where: str, remat: Remat, num_steps: int) -> int | None:
    """Steps of one segment, or ``None`` to keep everything.

    Example:
      >>> segment_steps("doc", "sqrt", 100), segment_steps("doc", None, 100)
      (10, None)
    """
    if remat is None:
        return None
    if is_symbolic(num_steps):
        raise ValueError(
            f"{where}: remat is {remat!r} and the number of steps is a symbol; "
            "expected None, as segments are cut by numbers. Export that."
        )
    if isinstance(remat, str):
        if remat == "sqrt":
            return max(1, math.isqrt(num_steps))
        raise ValueError(
            f"{where}: remat is {remat!r}; expected None, 'sqrt' or the number of "
            "steps of a segment."
        )
    checks.check_size(where, "remat", remat)
    return remat


def through_segments(
    again: Callable,
    function: Callable,
    carry: PyTree,
    xs: PyTree,
    *,
    length: int,
    steps: int,
    reverse: bool,
) -> tuple[PyTree, PyTree]:
    r"""Calls ``function(carry, xs, length=)`` on each segment, and on the rest.

    ``steps`` make a segment; ``again`` says how each call is differentiated. With
    ``jax.checkpoint`` it keeps ``T / steps`` carries and, one segment at a time, what
    ``steps`` steps keep: with ``steps = √T`` memory grows as ``√T``, for one more
    forward pass.

    Example:
      >>> total = lambda carry, xs, *, length: (carry + xs.sum(), xs + carry)
      >>> through_segments(jax.checkpoint, total, jnp.float32(0), jnp.arange(5.0),
      ...                  length=5, steps=2, reverse=False)[1]
      Array([ 0.,  1.,  3.,  4., 10.], dtype=float32)

    References:
      Chen et al., `Training deep nets with sublinear memory cost
      <https://arxiv.org/abs/1604.06174>`_, 2016.
    """
    whole = length - length % steps if length > steps else 0

    def through_whole(carry: PyTree) -> tuple[PyTree, PyTree]:
        segments = jax.tree.map(lambda a: _in_segments(a[:whole], steps), xs)
        # Inside a loop nothing can be shared with the first pass, so no barrier.
        body = again(partial(function, length=steps), prevent_cse=False)
        carry, ys = jax.lax.scan(
            body, carry, segments, length=whole // steps, reverse=reverse
        )
        return carry, jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), ys)

    def through_rest(carry: PyTree) -> tuple[PyTree, PyTree]:
        rest = jax.tree.map(lambda a: a[whole:], xs) if whole else xs
        return again(partial(function, length=length - whole))(carry, rest)

    return _one_after_the_other(
        through_whole if whole else None,
        through_rest if whole < length or not length else None,
        carry,
        backwards=reverse,
    )


def recomputed(roll: Callable, steps: int, *, reverse: bool) -> Callable:
    """Lets a roll of any length keep what at most ``steps`` of its steps keep.

    Example:
      >>> total = lambda carry, xs, *, length: (carry + xs.sum(), xs + carry)
      >>> recomputed(total, 2, reverse=False)(jnp.float32(0), jnp.arange(5.0), length=5)
      (Array(10., dtype=float32), Array([ 0.,  1.,  3.,  4., 10.], dtype=float32))
    """

    def segments(carry: PyTree, xs: PyTree, *, length: int) -> tuple[PyTree, PyTree]:
        if length <= steps:  # Whoever rolls just these computes them again, or nobody.
            return roll(carry, xs, length=length)
        return through_segments(
            jax.checkpoint,
            roll,
            carry,
            xs,
            length=length,
            steps=even_steps(length, steps),
            reverse=reverse,
        )

    return segments


def _in_segments(a: Array, steps: int) -> Array:
    return a.reshape(len(a) // steps, steps, *a.shape[1:])


def _one_after_the_other(
    early: Callable | None, late: Callable | None, carry: PyTree, *, backwards: bool
) -> tuple[PyTree, PyTree]:
    if early is None or late is None:
        only = early or late
        assert only is not None  # There is a part for every length.
        return only(carry)
    first, second = (late, early) if backwards else (early, late)
    carry, one = first(carry)
    carry, two = second(carry)
    parts = (two, one) if backwards else (one, two)
    return carry, jax.tree.map(lambda *a: jnp.concatenate(a), *parts)
