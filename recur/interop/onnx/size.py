"""Sizes of tensors that are known only when a model runs: products of names."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

# A hostile model can square a size as often as it likes.
MOST_NAMES, MOST = 16, 2**63


@dataclass(frozen=True)
class Size:
    """A number times named sizes, such as ``2 * batch * time``.

    Args:
      factor: The number.
      names: The names, sorted; one for each time that the size is a factor.

    Example:
      >>> batch, time = Size(1, ("batch",)), Size(1, ("time",))
      >>> 2 * time * batch == batch * time * 2, time * batch * 6 // (time * 2)
      (True, Size(factor=3, names=('batch',)))
    """

    factor: int
    names: tuple[str, ...]

    def __mul__(self, other: object) -> "int | Size":
        if isinstance(other, Size):
            return _sized(self.factor * other.factor, self.names + other.names)
        if isinstance(other, int):
            return _sized(self.factor * other, self.names)
        return NotImplemented

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> "int | Size":
        """Divides where nothing is left over; there is no answer otherwise."""
        if not isinstance(other, (int, Size)):
            return NotImplemented
        factor, names = (
            (other, ()) if isinstance(other, int) else (other.factor, other.names)
        )
        left = Counter(self.names)
        left.subtract(names)
        if not factor or self.factor % factor or min(left.values(), default=0) < 0:
            raise TypeError(f"{self} is no multiple of {other}")
        return _sized(self.factor // factor, tuple(left.elements()))


def _sized(factor: int, names: tuple[str, ...]) -> int | Size:
    if len(names) > MOST_NAMES or abs(factor) >= MOST:
        raise TypeError("a size has too many factors")
    return Size(factor, tuple(sorted(names))) if names and factor else factor


def multiplied(sizes: Iterable[int | Size]) -> int | Size:
    """Multiplies sizes.

    Example:
      >>> multiplied([2, 3, Size(1, ("batch",))])
      Size(factor=6, names=('batch',))
    """
    known, open_ones = [], []
    for size in sizes:
        (open_ones if isinstance(size, Size) else known).append(size)
    product: int | Size = prod(known)
    for size in open_ones:
        product = size * product
    return product


def divided(size: int | Size, by: int | Size) -> int | Size:
    """Divides sizes, where nothing is left over.

    Example:
      >>> divided(12, 4)
      3
    """
    if isinstance(size, Size):
        return size // by
    if isinstance(by, Size) or not by or size % by:
        raise TypeError(f"{size} is no multiple of {by}")
    return size // by
