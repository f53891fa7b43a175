"""Sequences of several lengths: whether they are alike, and where each goes."""

from collections.abc import Sequence

import jax
import numpy as np

from recur import _checks as checks
from recur._arguments import check_arrays
from recur.types import PyTree


def checked_sequences(
    where: str, sequences: Sequence[PyTree]
) -> tuple[list[PyTree], list[int]]:
    """Gives the sequences in NumPy, and the length of each.

    Example:
      >>> checked_sequences("doc", [np.ones(2), np.ones(3)])[1]
      [2, 3]
    """
    if not isinstance(sequences, Sequence) or isinstance(sequences, str):
        raise TypeError(
            f"{where}: sequences are {checks.describe(sequences)}; expected a list of "
            "arrays [T, ...]. Write list(sequences)."
        )
    if not sequences:
        raise ValueError(f"{where}: sequences are empty; expected one or more.")
    for n, sequence in enumerate(sequences):
        check_arrays(where, **{f"sequences[{n}]": sequence})
    rows = [jax.tree.map(np.asarray, sequence) for sequence in sequences]
    return rows, [_length(where, n, row, rows[0]) for n, row in enumerate(rows)]


def _length(where: str, n: int, row: PyTree, first: PyTree) -> int:
    name = f"sequences[{n}]"
    leaves, structure = jax.tree.flatten(row)
    if structure != jax.tree.structure(first) or not leaves:
        raise ValueError(
            f"{where}: {name} is {structure}; expected {jax.tree.structure(first)}, "
            "that of the first, with an array at least."
        )
    if not all(leaf.ndim for leaf in leaves):
        raise ValueError(
            f"{where}: {name} holds a number by itself; expected arrays [T, ...] as "
            "leaves. A list of numbers is a tree of these: write np.asarray(sequence)."
        )
    for leaf, like in zip(leaves, jax.tree.leaves(first), strict=True):
        same = leaf.dtype == like.dtype
        if not same or leaf.shape[1:] != like.shape[1:] or len(leaf) != len(leaves[0]):
            raise ValueError(
                f"{where}: {name} has {checks.describe(leaf)}; expected [T, ...] with "
                f"trailing axes and dtype of {checks.describe(like)}, the first, and "
                f"as many steps as its other arrays, {len(leaves[0])}."
            )
    return len(leaves[0])


def check_length(where: str, length: int, lengths: list[int]) -> None:
    """Refuses sequences that are longer than a row.

    Example:
      >>> check_length("doc", 3, [2, 3])
    """
    checks.check_size(where, "length", length)
    n = int(np.argmax(lengths))
    if lengths[n] > length:
        raise ValueError(
            f"{where}: sequences[{n}] has {lengths[n]} steps; expected at most "
            f"{length}, the length of a row. Cut it, or pass length={lengths[n]}."
        )


def laid_out(
    rows: list[PyTree],
    places: Sequence[tuple[int, int, int]],
    steps: int,
    count: int,
    *,
    time_major: bool,
) -> PyTree:
    """Writes each sequence to its place, a row, a first step and a length.

    Example:
      >>> laid_out([np.ones(2)], [(0, 1, 2)], 4, 1, time_major=False)
      array([[0., 1., 1., 0.]])
    """

    def lay(*leaves: np.ndarray) -> np.ndarray:
        values = np.zeros((steps, count, *leaves[0].shape[1:]), leaves[0].dtype)
        for leaf, (row, start, n) in zip(leaves, places, strict=True):
            values[start : start + n, row] = leaf
        return values if time_major else np.swapaxes(values, 0, 1)

    return jax.tree.map(lay, *rows)
