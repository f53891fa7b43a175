"""The initial states of a node, where the model itself holds them."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from recur.cells.lstm import LSTMCarry
from recur.interop.onnx.model import to_array
from recur.interop.onnx.node import Node

# Operators that only move or repeat what comes in at the first place; Concat at all.
MOVES = {"Cast", "Expand", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze"}
MOVES |= {"Tile", "Transpose", "Unsqueeze"}


def carries_of(node: Node) -> list[Any] | None:
    """Reads the carry of each direction; None where it is zero, or fed by the caller.

    Example:
      >>> from onnx import helper
      >>> node = Node(helper.make_node("RNN", ["X", "W", "R"], ["Y"]), {}, {}, {})
      >>> carries_of(node)
    """
    names = [name for name in ("initial_h", "initial_c") if node.takes(name)]
    given = [_initial(node, name) for name in names]
    found = [value for value in given if value is not None]
    if not found:
        return None
    fed = any(_is_fed(node, source) for name in names for source in _roots(node, name))
    if fed or len({value.shape for value in found}) > 1:
        raise ValueError(
            f"{node.where}: initial_h and initial_c differ in shape, or one is a "
            "constant and the other an input; expected both alike. Make both inputs of "
            "the model, and pass the carry to unroll."
        )
    filled = [np.zeros_like(found[0]) if v is None else v for v in given]
    rows = [jnp.asarray(np.moveaxis(v, _way_axis(node), 0)) for v in filled]
    return [LSTMCarry(*r) if len(r) == 2 else r[0] for r in zip(*rows, strict=True)]


def _way_axis(node: Node) -> int:
    return 1 if node.batch_major else 0


def _initial(node: Node, name: str) -> np.ndarray | None:
    roots = _roots(node, name)
    computed = node.input(name) not in node.constants
    if all(_is_fed(node, root) for root in roots):
        return None
    if computed and all(_is_zero(node, root) for root in roots):
        return None
    value = node.constant(name)
    axis = _way_axis(node)
    if value is not None:
        batch = value.shape[1 - axis] if value.ndim == 3 else 1
        sizes = (batch, node.ways) if axis else (node.ways, batch)
        node.check(name, value, (*sizes, node.hidden_size), node.dtype)
    return value


def _roots(node: Node, name: str) -> list[str]:
    """Tensors of which an input is made by moving and repeating their entries."""
    found, open_ends, seen = [], [node.input(name)], set()
    for source in open_ends:
        if source in seen:
            continue
        seen.add(source)
        maker = node.makers.get(source)
        if maker is not None and maker.op_type == "Concat":
            open_ends.extend(maker.input)
        elif maker is not None and maker.op_type in MOVES:
            open_ends.append(maker.input[0])
        elif source:
            found.append(source)
    return found


def _is_fed(node: Node, source: str) -> bool:
    """Whether a tensor is an input of the model."""
    return source not in node.constants and source not in node.makers


def _is_zero(node: Node, source: str) -> bool:
    """Whether a tensor is zero whatever the model is fed."""
    if source in node.constants:
        return not to_array(node.where, source, node.constants[source]).any()
    maker = node.makers.get(source)
    if maker is None or maker.op_type != "ConstantOfShape":
        return False
    tensors = [attribute.t for attribute in maker.attribute]
    return not any(to_array(node.where, source, tensor).any() for tensor in tensors)
