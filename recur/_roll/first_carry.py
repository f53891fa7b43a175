"""The carries that a roll begins with, and that its segments do."""

import jax
import jax.numpy as jnp
import numpy as np

from recur._roll.laying import lay_beside
from recur._roll.steps import cell_of
from recur.types import Array, Cell, PyTree, Step


def first_carries(
    where: str,
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    reset_carry: PyTree,
    *,
    time_major: bool,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
) -> tuple[PyTree, PyTree]:
    """Lets a cell make what was left out, from its params: ``(carry, reset_carry)``.

    A function has no carry of its own: its ``None`` stays ``None``, and its segments
    start from zeros.

    Example:
      >>> cell = GRU(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, _ = first_carries(
      ...     "doc", cell, params, None, jnp.ones((7, 2, 3)), None, time_major=True)
      >>> carry.shape
      (2, 4)
    """
    cell = cell_of(step)
    if cell is None:
        return carry, reset_carry
    if carry is None:
        flags = seq_lengths, mask, reset
        batch_shape = _batch_shape(where, xs, *flags, time_major=time_major)
        made = cell.init_carry(batch_shape, params=params)
        carry = lay_beside(xs, made, len(batch_shape), time_major=time_major)
    if reset is not None and reset_carry is None:
        reset_carry = _like(cell.init_carry(params=params), carry)
    return carry, reset_carry


def _batch_shape(
    where: str,
    xs: PyTree,
    seq_lengths: Array | None,
    mask: Array | None,
    reset: Array | None,
    *,
    time_major: bool,
) -> tuple[int, ...]:
    axis = 0 if time_major else 1
    if seq_lengths is not None:
        return np.shape(seq_lengths)  # A list will do.
    found = reset if mask is None else mask
    if found is None:
        leaves = jax.tree.leaves(xs)
        if len(leaves) != 1:
            raise ValueError(
                f"{where}: carry is None and xs has {len(leaves)} arrays; expected one "
                "[T, ..., I] to read the batch axes off. Make the carry with "
                "cell.init_carry(batch_shape)."
            )
        found = leaves[0]
        if jnp.issubdtype(jnp.result_type(found), jnp.inexact):
            found = jax.ShapeDtypeStruct(jnp.shape(found)[:-1], jnp.bool_)
    shape = jnp.shape(found)
    return shape[:axis] + shape[axis + 1 :]


def _like(made: PyTree, carry: PyTree) -> PyTree:
    """Gives what a cell made the dtypes of the carry, where the structures agree."""
    if jax.tree.structure(made) != jax.tree.structure(carry):
        return made
    return jax.tree.map(lambda a, b: jnp.asarray(a, jnp.result_type(b)), made, carry)
