"""A scan that keeps only the carries between segments, and computes the rest again."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp

from recur import checks
from recur.types import Array, PyTree

Memory = Literal["full", "sqrt"] | int


def segment_steps(where: str, memory: Memory, num_steps: int) -> int | None:
    """Steps of one segment, or ``None`` to keep everything.

    Example:
      >>> segment_steps("doc", "sqrt", 100), segment_steps("doc", "full", 100)
      (10, None)
    """
    if memory == "full":
        return None
    if memory == "sqrt":
        return max(1, math.isqrt(num_steps))
    if isinstance(memory, str):
        raise ValueError(
            f"{where}: memory is {memory!r}; expected 'full', 'sqrt' or the number of "
            "steps of a segment."
        )
    checks.check_size(where, "memory", memory)
    return memory


def segmented_scan(
    body: Callable,
    carry: PyTree,
    xs: PyTree,
    *,
    length: int,
    steps: int,
    **options: Any,
) -> tuple[PyTree, PyTree]:
    r"""``jax.lax.scan`` in segments of ``steps``, each computed again going back.

    Keeps ``T / steps`` carries and, one segment at a time, what ``steps`` steps keep:
    with ``steps = √T`` memory grows as ``√T``, for one more forward pass.

    Example:
      >>> add = lambda carry, x: (carry + x, carry)
      >>> segmented_scan(add, jnp.float32(0), jnp.arange(5.0), length=5, steps=2)[1]
      Array([0., 0., 1., 3., 6.], dtype=float32)

    References:
      Chen et al., `Training deep nets with sublinear memory cost
      <https://arxiv.org/abs/1604.06174>`_, 2016.
    """
    whole = length - length % steps
    segments = jax.tree.map(lambda a: _in_segments(a[:whole], steps), xs)
    rest = jax.tree.map(lambda a: a[whole:], xs)

    def scan(carry: PyTree, xs: PyTree, length: int) -> tuple[PyTree, PyTree]:
        return jax.lax.scan(body, carry, xs, length=length, **options)

    def through_segments(carry: PyTree) -> tuple[PyTree, PyTree]:
        # Inside a loop nothing can be shared with the first pass, so no barrier.
        again = jax.checkpoint(partial(scan, length=steps), prevent_cse=False)
        reverse, count = options.get("reverse", False), whole // steps
        carry, ys = jax.lax.scan(again, carry, segments, length=count, reverse=reverse)
        return carry, jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), ys)

    def through_rest(carry: PyTree) -> tuple[PyTree, PyTree]:
        return jax.checkpoint(partial(scan, length=length - whole))(carry, rest)

    return _one_after_the_other(
        through_segments if whole else None,
        through_rest if whole < length or not length else None,
        carry,
        backwards=options.get("reverse", False),
    )


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
