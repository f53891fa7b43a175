"""Sequences beside each other, filled up to one length."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recur._arguments import check_bools
from recur.data.sequences import check_length, checked_sequences, laid_out
from recur.types import PyTree


class Padded(NamedTuple):
    """Sequences beside each other, with zeros after the end of each.

    Args:
      values: Arrays ``[T, B, ...]``, or ``[B, T, ...]`` if not time-major.
      seq_lengths: Steps of each, ``[B]``, for :func:`recur.unroll`.
    """

    values: PyTree
    seq_lengths: np.ndarray


def pad(
    sequences: Sequence[PyTree],
    *,
    length: int | None = None,
    time_major: bool = True,
) -> Padded:
    """Lays sequences beside each other, and fills up with zeros.

    Args:
      sequences: Arrays ``[T_b, ...]``, or pytrees of these, such as pairs of inputs and
        targets.
      length: ``T``; by default that of the longest.
      time_major: Whether time is the first axis of the result or the second.

    Returns:
      :class:`Padded`, NumPy arrays in the dtypes of the first sequence.

    Raises:
      TypeError: If ``length`` is no integer, or a leaf no array.
      ValueError: If there is no sequence, one is longer than ``length``, or their
        leaves differ in length, trailing axes or dtype.

    Example:
      >>> padded = pad([np.array([1, 2, 3]), np.array([4])])
      >>> padded.values.T, padded.seq_lengths
      (array([[1, 2, 3],
             [4, 0, 0]]), array([3, 1], dtype=int32))
    """
    check_bools("pad", time_major=time_major)
    rows, lengths = checked_sequences("pad", sequences)
    steps = max(lengths) if length is None else length
    if length is not None:
        check_length("pad", length, lengths)
    at = [(row, 0, n) for row, n in enumerate(lengths)]
    values = laid_out(rows, at, steps, len(rows), time_major=time_major)
    return Padded(values, np.asarray(lengths, np.int32))


__all__ = ["Padded", "pad"]
