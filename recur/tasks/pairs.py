"""Pairs of what is read and what is written, laid beside each other in batches."""

from typing import NamedTuple

import numpy as np

from recur.data.padding import Padded, pad

LENGTHS = (12, 16, 24, 40)
"""Steps of a batch: the least of these that it fits in, so that few are compiled."""


class Pairs(NamedTuple):
    """What is read, and what is written of it, as numbers."""

    source: Padded  # [S, B], symbols, or [S, B, F]
    target: Padded  # [T + 1, B], from start to end


def lay_out(pairs: list[tuple[np.ndarray, ...]]) -> Pairs:
    """Pads words to one of few lengths; images are as long as they are.

    Example:
      >>> pairs = lay_out([(np.array([3, 4]), np.array([0, 2, 1]))])
      >>> pairs.source.values.shape, pairs.target.values.shape
      ((12, 1), (13, 1))
    """
    sources, targets = zip(*pairs, strict=True)
    written = max(map(len, targets)) - 1
    if sources[0].ndim > 1:
        return Pairs(pad(sources), pad(targets, length=_least(written) + 1))
    length = _least(max(written, *map(len, sources)))
    return Pairs(pad(sources, length=length), pad(targets, length=length + 1))


def pair_batches(
    pairs: list[tuple[np.ndarray, ...]], size: int = 64
) -> list[tuple[Pairs, range]]:
    """Puts pairs in batches, the last filled up by what counts nothing.

    Example:
      >>> pairs = 3 * [(np.array([3, 4]), np.array([0, 1], np.int32))]
      >>> [places for _, places in pair_batches(pairs, size=2)]
      [range(0, 2), range(2, 3)]
    """
    filler = pairs[0][0], np.zeros(1, np.int32)
    batches = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        places = range(start, start + len(part))
        batches.append((lay_out(part + [filler] * (size - len(part))), places))
    return batches


def _least(needed: int) -> int:
    return next((n for n in LENGTHS if n >= needed), needed)


__all__ = ["Pairs", "lay_out", "pair_batches"]
