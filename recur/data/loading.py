"""Shuffled batches without end, of which any is found by its number: grain does it."""

from typing import Any, Protocol

import numpy as np

from recur import _checks as checks
from recur._distribution import install

try:
    import grain
except ImportError as error:
    raise ImportError(
        f"recur.data.loading: grain is needed here. {install('train')}"
    ) from error


class Batches(Protocol):
    """Batches without end, of which any is found by its number."""

    def __getitem__(self, n: int, /) -> np.ndarray:
        """Gives the places of the examples of batch ``n``."""
        ...


def shuffled_batches(count: int, *, size: int, seed: int = 0) -> Batches:
    """Puts examples in batches, in another order in each epoch.

    A run that goes on needs no more than the number of its next step. What is left of
    an epoch that is no whole batch waits for another epoch, in which it comes.

    Args:
      count: Number of examples, ``N``.
      size: Examples in a batch, ``N`` at most.
      seed: Decides all orders.

    Returns:
      A ``grain.MapDataset``, of which ``batches[n]`` are the places of the examples of
      batch ``n = 0, 1, …``, an array ``[size]``.

    Raises:
      TypeError: If a number is no integer.
      ValueError: If a number is below 1, or ``size`` above ``count``.

    Example:
      >>> batches = shuffled_batches(6, size=2)
      >>> sorted(np.concatenate([batches[n] for n in range(3)]).tolist())
      [0, 1, 2, 3, 4, 5]
    """
    where = "shuffled_batches"
    checks.check_size(where, "count", count)
    checks.check_size(where, "size", size)
    if size > count:
        raise ValueError(
            f"{where}: size is {size}; expected {count} at most, the number of "
            "examples. Choose smaller batches."
        )
    order: Any = grain.MapDataset.range(count).seed(seed).shuffle()
    return order.batch(size, drop_remainder=True).repeat()


def bucketed_batches(lengths: np.ndarray, *, size: int, seed: int = 0) -> Batches:
    """Puts sequences of about one length in a batch, so that little is padded.

    Neighbours in the order of lengths share a bucket of up to eight batches. Sequences
    are shuffled in their bucket in each epoch, and the batches of all buckets as well.

    Args:
      lengths: Steps of each sequence, ``[N]``.
      size: Sequences in a batch, ``N`` at most.
      seed: Decides all orders.

    Returns:
      As of :func:`shuffled_batches`.

    Raises:
      TypeError: If ``size`` is no integer.
      ValueError: If ``size`` is below 1 or above the number of sequences.

    Example:
      >>> lengths = np.repeat([3, 9], 16)
      >>> batches = bucketed_batches(lengths, size=2)
      >>> sorted(lengths[batches[n]].tolist() for n in range(16))[7:9]
      [[3, 3], [9, 9]]
    """
    where = "bucketed_batches"
    lengths = np.asarray(lengths)
    checks.check_size(where, "size", size)
    shuffled_batches(len(lengths), size=size)
    places = np.argsort(lengths, kind="stable")
    buckets = np.split(places, range(8 * size, len(places) - size + 1, 8 * size))
    parts = [
        grain.MapDataset.source(bucket.tolist())
        .seed(seed + n)
        .shuffle()
        .batch(size, drop_remainder=True)
        for n, bucket in enumerate(buckets)
    ]
    whole: Any = grain.MapDataset.concatenate(parts)
    return whole.seed(seed).shuffle().repeat()


__all__ = ["Batches", "bucketed_batches", "shuffled_batches"]
