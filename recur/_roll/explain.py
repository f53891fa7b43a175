"""Which way a roll is taken, and what it keeps."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from recur._roll.notes import Note, notes_of
from recur._roll.unroll import unroll
from recur.types import Array, Cell, PyTree, Step, UnrollOptions


@dataclass(frozen=True)
class Explanation:
    """How a roll is taken; as text, a line for each step that is rolled.

    Args:
      rolls: One :class:`Note` for each: a stack rolls its layers one after the other.
      residual_bytes: What is kept from the forward pass for the gradient of params and
        carry, these included.
    """

    rolls: tuple[Note, ...]
    residual_bytes: int

    def __str__(self) -> str:
        """Says it in a line for each roll, and one on memory."""
        lines = [
            f"{n.step}: {n.roller}, {n.form}{f' ({n.reason})' if n.reason else ''}"
            for n in self.rolls
        ]
        kept = f"kept for the gradient: {self.residual_bytes / 2**20:,.2f} MiB"
        return "\n".join([*lines, kept])


def explain(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    **options: Unpack[UnrollOptions],
) -> Explanation:
    """Tells which way :func:`unroll` takes, in which form, and why not another.

    Nothing is computed: the roll is only traced.

    Args:
      step: As in :func:`unroll`.
      params: As in :func:`unroll`; shapes will do.
      carry: As in :func:`unroll`.
      xs: As in :func:`unroll`.
      **options: The other arguments of :func:`unroll`.

    Returns:
      An :class:`Explanation`, which prints as a few lines.

    Raises:
      TypeError: As in :func:`unroll`.
      ValueError: As in :func:`unroll`.

    Example:
      >>> cell = Readout(Stack((LSTM(8), GRU(8))), 3)
      >>> params, xs = cell.init(jax.random.key(0), 4), jnp.ones((64, 2, 4))
      >>> print(explain(cell, params, None, xs))
      LSTM: chunked, its LSTMRule
      GRU: chunked, its ResetAfterRule
      kept for the gradient: 0.06 MiB
    """

    def roll(params: PyTree, carry: PyTree, xs: PyTree) -> PyTree:
        return unroll(step, params, carry, xs, **options)

    args = params, carry, xs
    rolls = notes_of(jax.eval_shape, roll, *args)
    return Explanation(tuple(rolls), _residual_bytes(roll, *args))


def _residual_bytes(
    roll: Callable[..., PyTree], params: PyTree, carry: PyTree, xs: PyTree
) -> int:
    def pull(params: PyTree, carry: PyTree, xs: PyTree) -> PyTree:
        leaves, structure = jax.tree.flatten((params, carry))
        moving = [n for n, a in enumerate(leaves) if _has_gradient(a)]

        def of_moving(values: list[Array]) -> PyTree:
            now = dict(enumerate(leaves)) | dict(zip(moving, values, strict=True))
            return roll(*structure.unflatten([*now.values()]), xs)

        return jax.vjp(of_moving, [leaves[n] for n in moving])[1]

    kept = jax.tree.leaves(jax.eval_shape(pull, params, carry, xs))
    return sum(math.prod(a.shape) * a.dtype.itemsize for a in kept)


def _has_gradient(a: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(a), jnp.inexact)


__all__ = ["explain"]
