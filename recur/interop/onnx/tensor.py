"""What is known of the tensors of a model before it runs."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from recur.interop.onnx.model import to_array
from recur.interop.onnx.size import Size

Shape = tuple[int | Size, ...]


class Tensor(NamedTuple):
    """What is known of a tensor; ``reason`` says why it is not more.

    Values that are repeated along an axis whose size is open are held once.
    """

    shape: Shape | None = None
    values: np.ndarray | None = None
    reason: str = ""


class UnclearError(Exception):
    """What a node makes cannot be known before the model runs."""


@dataclass
class Room:
    """How many numbers may still be copied: a small file can ask for any number."""

    left: int

    def take(self, count: int) -> None:
        """Takes room for a copy."""
        self.left -= count
        if self.left < 0:
            raise UnclearError("it asks for far more numbers than the model holds")


@dataclass(frozen=True)
class Call:
    """One node with what is known of its inputs, asked for one of its outputs."""

    name: str
    facts: dict[str, Any]
    inputs: list[Tensor | None]
    room: Room
    output: int = 0
    outputs: int = 1

    @property
    def shape(self) -> Shape:
        """Shape of the first input."""
        first = self.inputs[0] if self.inputs else None
        if first is None or first.shape is None:
            raise UnclearError("the shape of what it takes is open")
        return first.shape

    @property
    def values(self) -> np.ndarray | None:
        """Values of the first input, if they are known."""
        return None if self.inputs[0] is None else self.inputs[0].values

    def numbers(self, place: int, fact: str) -> list[Any] | None:
        """Axes or sizes, of an input or an attribute; None if there are none."""
        if fact in self.facts:
            return list(self.facts[fact])
        given = self.inputs[place] if place < len(self.inputs) else None
        if given is None:
            return None
        if given.values is None:
            raise UnclearError(given.reason or "its sizes are open")
        return [n if isinstance(n, Size) else int(n) for n in given.values.flat]

    def needed(self, place: int, fact: str) -> list[Any]:
        """Axes or sizes that have to be there."""
        numbers = self.numbers(place, fact)
        if numbers is None:
            raise UnclearError("its sizes are missing")
        return numbers

    def read(self, tensor: Any) -> np.ndarray:
        """Reads a tensor that is an attribute."""
        return to_array(self.name, "value", tensor)


def compact(values: np.ndarray) -> np.ndarray:
    """Keeps one of the entries that are only repeated along an axis.

    Example:
      >>> compact(np.broadcast_to(np.ones((1, 3)), (10**9, 3))).shape
      (1, 3)
    """
    pairs = zip(values.strides, values.shape, strict=True)
    return values[tuple(slice(0, 1 if s == 0 else n) for s, n in pairs)]


def spread(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Repeats values along the known sizes of a shape, without a copy."""
    return np.broadcast_to(values, [1 if isinstance(n, Size) else n for n in shape])


def are_known(sizes: Shape) -> bool:
    """Whether no size is open."""
    return not any(isinstance(size, Size) for size in sizes)
