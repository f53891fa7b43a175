"""How flags are obeyed around a step, for any step function and its tangent."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.flags import Flags
from recur._roll.padding import donors, fill_from, lend_rows, tree_where
from recur.types import Array, PyTree


class Starts(NamedTuple):
    """The carries that steps start from which do not start from the last."""

    reset: PyTree  # where a segment begins; None if there is no reset
    invalid: PyTree  # where a step does not count; None if all do


def fill_inputs(
    flags: Flags, anew: PyTree, carry: PyTree, xs: PyTree, *, reverse: bool
) -> tuple[PyTree, Starts]:
    """Says what steps are run on that do not count, and what they start from.

    The input of the first of their row that counts, and the carry that it starts from,
    so that they are finite where that is.

    Returns:
      ``(xs, starts)``.

    Example:
      >>> flags = Flags(jnp.array([True, False]), None)
      >>> xs, starts = fill_inputs(
      ...     flags, None, jnp.float32(7), jnp.array([2.0, 0.0]), reverse=False)
      >>> xs, float(starts.invalid)
      (Array([2., 2.], dtype=float32), 7.0)
    """
    if flags.valid is None or not flags.valid.shape[0]:
        return xs, Starts(anew, None)
    lenders = donors(flags.valid, reverse=reverse)
    if flags.reset is not None and not reverse:
        carry = tree_where(jnp.any(lenders.first & flags.reset, 0), anew, carry)
    xs = fill_from(lenders, flags.valid, xs)
    return xs, Starts(anew, lend_rows(lenders, carry))


def apply_masks(flags: Flags, starts: Starts, *, reverse: bool) -> Callable:
    """Makes flags obeyed around one step, or around its tangent.

    Args:
      flags: Of the step.
      starts: Of the roll; ``invalid`` may be ``None`` where no derivative is singular.
      reverse: Whether the roll walks backwards.

    Returns:
      ``(advance, carry) -> (carry, y, *rest)``, where ``advance`` is called with the
      carry that the step starts from and gives ``(carry, y, *rest)``.

    Example:
      >>> flags, starts = Flags(jnp.array([True, False]), None), Starts(None, None)
      >>> count = lambda s: (s + 1, s + 1)
      >>> apply_masks(flags, starts, reverse=False)(count, jnp.zeros(2))
      (Array([1., 0.], dtype=float32), Array([1., 0.], dtype=float32))
    """
    valid, reset = flags

    def masked_step(advance: Callable, carry: PyTree) -> tuple[PyTree, ...]:
        anew, invalid = starts
        start = carry if reset is None or reverse else tree_where(reset, anew, carry)
        if valid is not None and invalid is not None:
            start = tree_where(valid, start, invalid)
        new, y, *rest = advance(start)
        if reset is not None and reverse:
            new = tree_where(reset, anew, new)
        if valid is not None:
            check_outputs(valid, y)
            new, y = tree_where(valid, new, carry), tree_where(valid, y, None)
        return new, y, *rest

    return masked_step


def zero_outputs(valid: Array | None, ys: PyTree) -> PyTree:
    """Puts zeros for the outputs ``[T, ...]`` of steps that do not count.

    Example:
      >>> zero_outputs(jnp.array([True, False]), jnp.array([2.0, jnp.nan]))
      Array([2., 0.], dtype=float32)
    """
    if valid is None:
        return ys
    check_outputs(valid[0], jax.tree.map(lambda a: a[0], ys))
    return tree_where(valid, ys, None)


def check_outputs(valid: Array, y: PyTree) -> None:
    """Refuses outputs without the batch axes of the flags.

    Example:
      >>> check_outputs(jnp.ones(3, bool), jnp.ones((3, 4)))
    """
    for path, leaf in jax.tree.leaves_with_path(y):
        if jnp.shape(leaf)[: valid.ndim] != valid.shape:
            raise ValueError(
                f"y{jax.tree_util.keystr(path)} of the step is "
                f"{checks.describe(leaf)}; expected the batch axes {valid.shape} of "
                "seq_lengths and mask first, so that it can be zero for each row by "
                "itself. Put out one value a row."
            )
