"""Nodes that only move or copy what comes in.

Each rule knows the shape of what it makes, where sizes may be open, and the values if
those of its inputs are known.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from recur.interop.onnx.model import require_onnx
from recur.interop.onnx.size import Size, divided, multiplied
from recur.interop.onnx.tensor import (
    Call,
    Shape,
    Tensor,
    UnclearError,
    are_known,
    compact,
    spread,
)

ENDLESS = (2**31 - 1, 2**63 - 1)


def _identity(call: Call) -> Tensor:
    return Tensor(call.shape, call.values)


def is_on(call: Call) -> bool:
    """Whether a Dropout node drops anything; in evaluation it does not."""
    training = call.inputs[2] if len(call.inputs) > 2 else None
    values = None if training is None else training.values
    return values is not None and bool(values.any())


def _dropout(call: Call) -> Tensor:
    if is_on(call):
        raise UnclearError("its training_mode is on")
    if call.output:
        raise UnclearError("it is a mask")
    return _identity(call)


def _cast(call: Call) -> Tensor:
    values, onnx = call.values, require_onnx("from_onnx")
    if values is None:
        return Tensor(call.shape)
    to = call.facts["to"]
    to = to if isinstance(to, int) else onnx.TensorProto.DataType.Value(to)
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(to))
    if values.dtype == object:
        return Tensor(call.shape, values if dtype.kind in "iu" else None)
    once = compact(values)
    call.room.take(once.size)
    return Tensor(call.shape, spread(once.astype(dtype), call.shape))


def _transpose(call: Call) -> Tensor:
    axes = call.facts.get("perm", range(len(call.shape))[::-1])
    moved = None if call.values is None else call.values.transpose(axes)
    return Tensor(tuple(call.shape[n] for n in axes), moved)


def _unsqueeze(call: Call) -> Tensor:
    axes = call.needed(1, "axes")
    rank = len(call.shape) + len(axes)
    axes, sizes = {axis % rank for axis in axes}, iter(call.shape)
    shape = tuple(1 if n in axes else next(sizes) for n in range(rank))
    values = call.values
    return Tensor(shape, None if values is None else np.expand_dims(values, (*axes,)))


def _squeeze(call: Call) -> Tensor:
    axes = call.numbers(1, "axes")
    if axes is None:
        if not are_known(call.shape):
            raise UnclearError("which of its sizes are 1 is open")
        axes = [n for n, size in enumerate(call.shape) if size == 1]
    axes = {axis % len(call.shape) for axis in axes}
    shape = tuple(size for n, size in enumerate(call.shape) if n not in axes)
    values = call.values
    return Tensor(shape, None if values is None else np.squeeze(values, (*axes,)))


def _reshape(call: Call) -> Tensor:
    copies = not call.facts.get("allowzero", 0)
    shape = resolved(call.shape, call.needed(1, "shape"), copies=copies)
    once = None if call.values is None else compact(call.values)
    if once is not None and once.size == 1:
        return Tensor(shape, spread(once.reshape(()), shape))
    known = [size for size in shape if isinstance(size, int)]
    if call.values is None or len(known) < len(shape) or not are_known(call.shape):
        return Tensor(shape)
    call.room.take(call.values.size)
    return Tensor(shape, call.values.reshape(known))


def resolved(old: Shape, sizes: list[Any], *, copies: bool) -> Shape:
    """The sizes that a reshape asks for, with 0 and -1 filled in.

    Example:
      >>> resolved((4, 2, 5), [0, -1], copies=True)
      (4, 10)
    """
    new = [old[n] if s == 0 and copies else s for n, s in enumerate(sizes)]
    if -1 in new:
        rest = multiplied(size for size in new if size != -1)
        new[new.index(-1)] = divided(multiplied(old), rest)
    return tuple(new)


def _flatten(call: Call) -> Tensor:
    axis = call.facts.get("axis", 1)
    axis = axis + len(call.shape) if axis < 0 else axis
    parts = call.shape[:axis], call.shape[axis:]
    shape = Tensor((2,), np.array([multiplied(part) for part in parts], object))
    return _reshape(
        replace(call, facts={"allowzero": 1}, inputs=[call.inputs[0], shape])
    )


def _cut(tensor: Tensor, axis: int, part: slice) -> Tensor:
    """A part of a tensor along one axis whose size is known."""
    shape, values = tensor.shape or (), tensor.values
    size = shape[axis]
    if isinstance(size, Size):
        raise UnclearError("the size of what it cuts is open")
    start, stop, step = part.indices(size)
    count = len(range(start, stop, step))
    part = slice(start, None if stop < 0 else stop, step) if count else slice(0)
    where = (slice(None),) * axis + (part,)
    shape = (*shape[:axis], count, *shape[axis + 1 :])
    return Tensor(shape, None if values is None else values[where])


def _slice(call: Call) -> Tensor:
    starts, ends = call.needed(1, "starts"), call.needed(2, "ends")
    axes = call.numbers(3, "axes") or range(len(starts))
    steps = call.numbers(4, "steps") or [1] * len(starts)
    found = Tensor(call.shape, call.values)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis %= len(call.shape)
        ends_there = end in ENDLESS or end == call.shape[axis]
        if not (start == 0 and step == 1 and ends_there):
            found = _cut(found, axis, slice(start, end, step))
    return found


def _split(call: Call) -> Tensor:
    axis = call.facts.get("axis", 0) % len(call.shape)
    sizes, size = call.numbers(1, "split"), call.shape[axis]
    if sizes is None and not isinstance(size, Size):
        part = -(-size // call.outputs)
        sizes = [part] * call.outputs
    if sizes is None:
        raise UnclearError("the size of what it splits is open")
    start = sum(sizes[: call.output])
    end = start + sizes[call.output]
    return _cut(Tensor(call.shape, call.values), axis, slice(start, end))


def _gather(call: Call) -> Tensor:
    axis = call.facts.get("axis", 0) % len(call.shape)
    index, values = call.inputs[1], call.values
    if index is None or index.shape is None:
        raise UnclearError("the shape of its index is open")
    size = call.shape[axis]
    shape = (*call.shape[:axis], *index.shape, *call.shape[axis + 1 :])
    if values is None or index.values is None or isinstance(size, Size):
        return Tensor(shape)
    count = compact(values).size // max(values.shape[axis], 1) * index.values.size
    call.room.take(count)
    taken = np.take(values, index.values.astype(np.int64), axis)
    return Tensor(shape, np.asarray(taken, values.dtype))


def _concat(call: Call) -> Tensor:
    every = [each for each in call.inputs if each is not None]
    shapes = [each.shape for each in every if each.shape is not None]
    if not shapes or len(shapes) < len(every):
        raise UnclearError("the shape of what it joins is open")
    axis = call.facts.get("axis", 1) % len(shapes[0])
    sizes = tuple(shape[axis] for shape in shapes)
    size = sum(n for n in sizes if not isinstance(n, Size))
    size = size if are_known(sizes) else Size(1, (f"{call.name}[{axis}]",))
    shape = (*shapes[0][:axis], size, *shapes[0][axis + 1 :])
    rest = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
    values = [each.values for each in every]
    found = [each for each in values if each is not None]
    if not are_known(sizes) or len(rest) > 1 or len(found) < len(values):
        return Tensor(shape)
    call.room.take(sum(each.size for each in found))
    return Tensor(shape, np.concatenate(found, axis))


RULES: dict[str, Callable[[Call], Tensor]] = {
    "Identity": _identity,
    "Dropout": _dropout,
    "Cast": _cast,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Slice": _slice,
    "Split": _split,
    "Gather": _gather,
    "Concat": _concat,
}
