"""Nodes that repeat what comes in, and those that reckon with sizes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from recur.interop.onnx.size import Size, divided, multiplied
from recur.interop.onnx.tensor import (
    Call,
    Shape,
    Tensor,
    UnclearError,
    are_known,
    spread,
)

# Vectors of sizes are short; of longer ones nothing is reckoned.
LONGEST = 64


def _expand(call: Call) -> Tensor:
    """Repeats along axes of size 1, up to the sizes that are asked for."""
    sizes = call.needed(1, "shape")
    rank = max(len(sizes), len(call.shape))
    old = (1,) * (rank - len(call.shape)) + call.shape
    new = (1,) * (rank - len(sizes)) + tuple(sizes)
    return _repeated(call, tuple(map(_wider, old, new)))


def _wider(old: int | Size, new: int | Size) -> int | Size:
    if 1 in (old, new) or old == new:
        return new if old == 1 else old
    raise UnclearError(f"whether it repeats {old} to {new} is open")


def _tile(call: Call) -> Tensor:
    """Repeats whole axes; of axes longer than 1 only the size is known."""
    repeats = call.needed(1, "repeats")
    pairs = list(zip(call.shape, repeats, strict=True))
    shape = tuple(multiplied(pair) for pair in pairs)
    if all(1 in pair for pair in pairs):
        return _repeated(call, shape)
    return Tensor(shape)


def _repeated(call: Call, shape: Shape) -> Tensor:
    values = call.values
    if values is None:
        return Tensor(shape)
    axes = (1,) * (len(shape) - values.ndim)
    return Tensor(shape, spread(values.reshape(axes + values.shape), shape))


def _constant_of_shape(call: Call) -> Tensor:
    """One value, zero by default, at every place."""
    sizes, fill = call.needed(0, ""), call.facts.get("value")
    value = np.float32(0) if fill is None else call.read(fill).reshape(())
    return Tensor(tuple(sizes), spread(np.asarray(value), tuple(sizes)))


def _shape_of(call: Call) -> Tensor:
    """The sizes of a tensor, open ones by name."""
    ends = call.facts.get("start", 0), call.facts.get("end")
    return vector(call.shape[slice(*ends)])


def vector(sizes: Shape) -> Tensor:
    """Holds sizes as a tensor.

    Example:
      >>> vector((3, 5)).values
      array([3, 5])
    """
    kind = np.int64 if are_known(sizes) else object
    return Tensor((len(sizes),), np.array(sizes, kind))


def _size_of(call: Call) -> Tensor:
    """The number of entries of a tensor."""
    return Tensor((), _plain(np.array(multiplied(call.shape), object)))


def _reckon(function: Callable[[Any, Any], Any]) -> Callable[[Call], Tensor]:
    """Makes the rule of an operator on pairs of sizes."""

    def rule(call: Call) -> Tensor:
        pair = [each for each in call.inputs if each is not None]
        entries = [_entries(each) for each in pair]
        found = np.asarray(np.frompyfunc(function, 2, 1)(*entries), object)
        return Tensor(found.shape, _plain(found))

    return rule


def _entries(tensor: Tensor) -> np.ndarray:
    values = tensor.values
    if values is None or values.size > LONGEST or values.dtype.kind not in "iuO":
        raise UnclearError("what it reckons with is open")
    return values.astype(object)


def _plain(values: np.ndarray) -> np.ndarray:
    """Whole numbers and truths in the dtype of these, where none is open."""
    if not are_known(tuple(values.flat)):
        return values
    return values.astype(bool if isinstance(values.flat[0], bool) else np.int64)


def _where(call: Call) -> Tensor:
    """Picks sizes from one vector or another."""
    chosen, *rest = (each for each in call.inputs if each is not None)
    if chosen.values is None or chosen.values.dtype != bool:
        raise UnclearError("what it picks is open")
    found = np.where(chosen.values, *map(_entries, rest))
    return Tensor(found.shape, _plain(found))


def _equal(a: Any, b: Any) -> bool:
    numbers = [n for n in (a, b) if not isinstance(n, Size)]
    if len(numbers) == 2 or a == b:
        return bool(a == b)
    if any(n < 0 for n in numbers):
        return False
    raise UnclearError("whether sizes are equal is open")


def _divide(a: Any, b: Any) -> Any:
    numbers = are_known((a, b)) and a >= 0 < b
    return a // b if numbers else divided(a, b)


def _add(a: Any, b: Any) -> Any:
    if 0 in (a, b):
        return b if a == 0 else a
    return a + b


RULES: dict[str, Callable[[Call], Tensor]] = {
    "Expand": _expand,
    "Tile": _tile,
    "ConstantOfShape": _constant_of_shape,
    "Shape": _shape_of,
    "Size": _size_of,
    "Mul": _reckon(lambda a, b: multiplied((a, b))),
    "Div": _reckon(_divide),
    "Add": _reckon(_add),
    "Sub": _reckon(lambda a, b: a - b),
    "Equal": _reckon(_equal),
    "Where": _where,
}
