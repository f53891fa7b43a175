"""ONNX files: read without following a path in them, and checked before use."""

import os
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur.interop._shared.optional_imports import require


def require_onnx(where: str) -> Any:
    """Imports onnx, or says how to get it.

    Example:
      >>> require_onnx("doc").__name__
      'onnx'
    """
    return require(where, "onnx", "onnx")


def load(where: str, source: Any) -> Any:
    """Reads and checks a model from a path, bytes or a ``ModelProto``.

    Example:
      >>> load("doc", b"no model")
      Traceback (most recent call last):
      ...
      ValueError: doc: model is damaged or no ONNX model (...
    """
    onnx = require_onnx(where)
    model = _parse(where, onnx, source)
    if any(tensor.data_location == 1 for tensor in _tensors(model)):
        raise ValueError(
            f"{where}: model keeps weights in other files, which are not opened; "
            "expected all weights inside. Load it yourself with onnx.load(path), which "
            "reads them, and pass the result."
        )
    kinds = [info.type for info in (*model.graph.input, *model.graph.output)]
    kinds = [kind.tensor_type for kind in kinds if kind.HasField("tensor_type")]
    free = [kind for kind in kinds if not kind.HasField("shape")]
    for kind in free:
        # Programs run models that leave a shape open; the checker wants the field.
        kind.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ValueError(_damaged(where, error)) from error
    for kind in free:
        kind.ClearField("shape")
    return model


def _parse(where: str, onnx: Any, source: Any) -> Any:
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        return model
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            source = file.read()
    if not isinstance(source, bytes):
        raise TypeError(
            f"{where}: model is {checks.describe(source)}; expected a path, bytes or "
            "an onnx.ModelProto."
        )
    from google.protobuf.message import DecodeError

    try:
        return onnx.ModelProto.FromString(source)
    except DecodeError as error:
        raise ValueError(_damaged(where, error)) from error


def _damaged(where: str, error: Exception) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"{where}: model is damaged or no ONNX model ({reason}); expected one that "
        "onnx.checker.check_model accepts. Export or download it again."
    )


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor in a message, at any depth, subgraphs and functions included."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _tensors(part)


def dtype_of(where: str, tensor: Any) -> np.dtype:
    """Dtype of a tensor, of those that recurrent operators, axes and flags have.

    Example:
      >>> onnx = require_onnx("doc")
      >>> dtype_of("doc", onnx.TensorProto(data_type=onnx.TensorProto.BFLOAT16))
      dtype(bfloat16)
    """
    types = require_onnx(where).TensorProto
    names = {
        types.FLOAT: "float32",
        types.DOUBLE: "float64",
        types.FLOAT16: "float16",
        types.BFLOAT16: "bfloat16",
        types.INT32: "int32",
        types.INT64: "int64",
        types.BOOL: "bool",
    }
    if tensor.data_type not in names:
        raise ValueError(
            f"{where}: the tensor '{tensor.name}' has type {tensor.data_type}; "
            f"expected one of {', '.join(names.values())}. Convert the model."
        )
    return jnp.dtype(names[tensor.data_type])


def to_array(where: str, name: str, tensor: Any) -> np.ndarray:
    """Reads a tensor in its own dtype, refusing sizes that its data do not have.

    Example:
      >>> onnx = require_onnx("doc")
      >>> tensor = onnx.numpy_helper.from_array(np.ones((2, 3)), "W")
      >>> to_array("doc", "W", tensor).shape
      (2, 3)
    """
    onnx = require_onnx(where)
    dtype, shape = dtype_of(where, tensor), tuple(tensor.dims)
    try:
        if min(shape, default=0) < 0:
            raise ValueError("a size is below 0")
        return onnx.numpy_helper.to_array(tensor).astype(dtype, copy=False)
    except Exception as error:  # onnx lets through whatever its parts raise.
        raise ValueError(
            f"{where}: {name} is a tensor of shape {shape} that cannot be read "
            f"({error}); expected data of that shape. Export or download it again."
        ) from error
