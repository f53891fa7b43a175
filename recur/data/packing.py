"""Several sequences in a row, one behind the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from recur import _checks as checks
from recur._arguments import check_bools
from recur.data.sequences import check_length, checked_sequences, laid_out
from recur.types import PyTree


@dataclass(frozen=True, eq=False)
class Packed:
    """Sequences behind one another in rows, as few as were found.

    Args:
      values: Arrays ``[T, B, ...]``, or ``[B, T, ...]`` if not time-major.
      mask: Which steps are of a sequence, ``[T, B]`` or ``[B, T]``.
      reset: Which steps begin one, likewise.
      places: Of each sequence its row, its first step and its length, ``[N, 3]``.
      time_major: Whether time is the first axis.

    Example:
      >>> packed = pack([np.ones(2), np.zeros(1)], length=4)
      >>> packed.reset[:, 0], packed.unpack(packed.values)
      (array([ True, False,  True, False]), [array([1., 1.]), array([0.])])
    """

    values: PyTree
    mask: np.ndarray
    reset: np.ndarray
    places: np.ndarray
    time_major: bool

    def unpack(self, ys: PyTree) -> list[PyTree]:
        """Takes of arrays laid out as ``values`` the part of each sequence, in order.

        Raises:
          ValueError: If an array has other first two axes than ``mask``.
        """
        ys = jax.tree.map(np.asarray, ys)
        for leaf in jax.tree.leaves(ys):
            if leaf.shape[:2] != self.mask.shape:
                raise ValueError(
                    f"Packed.unpack: ys are {checks.describe(leaf)}; expected "
                    f"{list(self.mask.shape)} as first axes, those of the mask."
                )

        def part(row: int, start: int, length: int) -> PyTree:
            steps = slice(start, start + length)
            index = (steps, row) if self.time_major else (row, steps)
            return jax.tree.map(lambda a: a[index], ys)

        return [part(*map(int, place)) for place in self.places]


def pack(
    sequences: Sequence[PyTree], *, length: int, time_major: bool = True
) -> Packed:
    """Lays several sequences in a row, one behind the other, so that less is padded.

    Roll them with ``mask`` and ``reset``: each starts from the first carry, and gets
    what it gets alone. The longest come first, each into the first row that has room.

    Args:
      sequences: Arrays ``[T_n, ...]``, or pytrees of these, such as pairs of inputs and
        targets.
      length: ``T``, the steps of a row.
      time_major: Whether time is the first axis of the result or the second.

    Returns:
      :class:`Packed`, NumPy arrays in the dtypes of the first sequence.

    Raises:
      TypeError: If ``length`` is no integer, or a leaf no array.
      ValueError: If there is no sequence, one is longer than ``length``, or their
        leaves differ in length, trailing axes or dtype.

    Example:
      >>> sequences = [jnp.ones((n, 2)) for n in (3, 2, 4, 1)]
      >>> packed = pack(sequences, length=5)
      >>> packed.mask.T.astype(int)
      array([[1, 1, 1, 1, 1],
             [1, 1, 1, 1, 1]])
      >>> options = {"mask": packed.mask, "reset": packed.reset}
      >>> total = lambda params, carry, x: (carry + x, carry + x)
      >>> _, ys = unroll(total, None, jnp.zeros((2, 2)), packed.values, **options)
      >>> [y[-1, 0].item() for y in packed.unpack(ys)]
      [3.0, 2.0, 4.0, 1.0]

    References:
      Johnson et al., `Worst-case performance bounds for simple one-dimensional packing
      algorithms <https://doi.org/10.1137/0203025>`_, 1974: at most 11/9 of the fewest
      rows, and four more.
    """
    check_bools("pack", time_major=time_major)
    rows, lengths = checked_sequences("pack", sequences)
    check_length("pack", length, lengths)
    places, count = _first_fit(lengths, length)
    mask, reset = np.zeros((2, length, count), bool)
    for row, start, n in places:
        mask[start : start + n, row] = True
        reset[start : start + 1, row] |= n > 0
    values = laid_out(rows, places, length, count, time_major=time_major)
    if not time_major:
        mask, reset = mask.T, reset.T
    return Packed(values, mask, reset, np.asarray(places, np.int32), time_major)


def _first_fit(lengths: list[int], room: int) -> tuple[list[tuple[int, int, int]], int]:
    used: list[int] = [0]
    places = [(0, 0, 0)] * len(lengths)
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        size = lengths[n]
        fits = (row for row, steps in enumerate(used) if steps + size <= room)
        row = next(fits, len(used))
        if row == len(used):
            used.append(0)
        places[n] = (row, used[row] if size else 0, size)
        used[row] += size
    return places, len(used)


__all__ = ["Packed", "pack"]
