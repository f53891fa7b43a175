"""The initial states and the lengths of a node, where the model itself holds them."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from recur.cells.lstm import LSTMCarry
from recur.interop.onnx.model import to_array
from recur.interop.onnx.node import Node
from recur.interop.onnx.scope import Place
from recur.interop.onnx.size import Size
from recur.interop.onnx.tensor import Tensor, compact
from recur.types import Array


class Initial(NamedTuple):
    """Initial states of a node: the carry of each direction, None where it is zero.

    ``source`` says what makes them, where they are for the caller to give.
    """

    carries: list[Any] | None = None
    source: str = ""


def initial_of(node: Node) -> Initial:
    """Reads the carry of each direction.

    Example:
      >>> from onnx import helper
      >>> from recur.interop.onnx.known import Known
      >>> from recur.interop.onnx.scope import Scope
      >>> rnn = helper.make_node("RNN", ["X", "W", "R"], ["Y"])
      >>> initial_of(Node(rnn, Scope(helper.make_graph([rnn], "g", [], [])), Known()))
      Initial(carries=None, source='')
    """
    given = ("initial_h", "initial_c")
    names = [n for n in given if node.takes(n) and node.input(n).name]
    for name in names:
        _check_sizes(node, name, node.tensor(name))
    _check_batch(node, names)
    open_ones = [n for n in names if not _is_zero(node, n)]
    held = [n for n in open_ones if node.tensor(n).values is not None]
    if len(held) < len(open_ones):
        return Initial(None, _source(node, set(open_ones) - set(held), held))
    if not held:
        return Initial()
    parts = [_values(node, n) if n in held else None for n in given if node.takes(n)]
    return Initial([LSTMCarry(*r) if len(r) == 2 else r[0] for r in _ways(node, parts)])


def _values(node: Node, name: str) -> np.ndarray | None:
    values = node.tensor(name).values
    return None if values is None else node.copied(name, values)


def _ways(node: Node, parts: list[np.ndarray | None]) -> Any:
    """The states of each direction, all of them with as many rows."""
    zero = np.zeros((), node.dtype)
    every = np.broadcast_arrays(*(zero if part is None else part for part in parts))
    axis = 1 if node.batch_major else 0
    ways = [jnp.asarray(np.moveaxis(part, axis, 0)) for part in every]
    return zip(*ways, strict=True)


def _source(node: Node, fed: set[str], held: list[str]) -> str:
    """What makes the states, unless the caller feeds all of them to the model."""
    made = [name for name in sorted(fed) if not _is_fed(node, name)]
    if made:
        return f"{made[0]} of the node '{node.name}' is {node.maker(made[0])}"
    if held:
        return f"{held[0]} of the node '{node.name}' is a constant, but not the rest"
    return ""


def _is_fed(node: Node, name: str) -> bool:
    """Whether the caller feeds a state to the model."""
    sources = node.known.sources(node.input(name))
    return all(p.name not in p.scope.makers and p.scope.outer is None for p in sources)


def _is_zero(node: Node, name: str) -> bool:
    """Whether a state is zero, whatever its batch and whatever the model is fed."""
    values = node.tensor(name).values
    if values is not None:
        return not compact(values).any()
    sources = node.known.sources(node.input(name))
    return all(_is_zero_source(node, place) for place in sources)


def _is_zero_source(node: Node, place: Place) -> bool:
    """The same of a tensor that may be repeated, to sizes that need not be known."""
    if node.known.kind(place) == "ConstantOfShape":
        fill = place.scope.facts(place.scope.makers[place.name]).get("value")
        return fill is None or not to_array(node.where, place.name, fill).any()
    values = node.known.tensor(place).values
    return values is not None and not compact(values).any()


def _check_sizes(node: Node, name: str, tensor: Tensor) -> None:
    """Refuses a state whose sizes, as far as they are known, are not those of R."""
    if tensor.shape is None:
        return
    sizes: list[Any] = [node.ways, "batch", node.hidden_size]
    if node.batch_major:
        sizes = ["batch", node.ways, node.hidden_size]
    given, values = tensor.shape, tensor.values
    pairs = zip(given, sizes, strict=False)
    fits = all(isinstance(a, Size) or b in (a, "batch") for a, b in pairs)
    dtype = node.dtype if values is None else values.dtype
    if len(given) != 3 or not fits or dtype != node.dtype:
        raise ValueError(
            f"{node.where}: {name} is {dtype}{_told(given)}; expected {node.dtype}"
            f"{_told(sizes)}, beside W and R. Export the model again."
        )


def _told(sizes: Any) -> str:
    names = ["any" if isinstance(size, Size) else str(size) for size in sizes]
    return f"[{', '.join(names)}]"


def _check_batch(node: Node, names: list[str]) -> None:
    """Refuses states and lengths of several batch sizes."""
    shapes = {name: node.tensor(name).shape for name in (*names, "sequence_lens")}
    axis = 0 if node.batch_major else 1
    found = {
        name: shape[0 if name == "sequence_lens" else axis]
        for name, shape in shapes.items()
        if shape
    }
    known = {name: size for name, size in found.items() if isinstance(size, int)}
    if len(set(known.values())) > 1:
        each = ", ".join(f"{name} of {size} rows" for name, size in known.items())
        raise ValueError(
            f"{node.where}: it takes {each}; expected as many of each. Export the "
            "model again."
        )


def lengths_of(node: Node) -> Array | None:
    """Reads the lengths of the rows, where the model holds them."""
    place = node.input("sequence_lens")
    shape, lengths, reason = node.known.tensor(place)
    ends = node.known.sources(place)
    held = ends and all(end.name in end.scope.constants for end in ends)
    flat = shape is None or len(shape) == 1
    if flat and not held:
        return None
    if not flat or lengths is None or lengths.dtype != np.int32:
        kind = "" if lengths is None else lengths.dtype
        raise ValueError(
            f"{node.where}: sequence_lens is {kind}{_told(shape or ())}"
            f"{reason and f' ({reason})'}; expected int32[batch]. Export the model "
            "again."
        )
    lengths, most = node.copied("sequence_lens", lengths), _steps(node)
    if lengths.size and not 0 <= int(lengths.min()) <= int(lengths.max()) <= most:
        raise ValueError(
            f"{node.where}: sequence_lens are from {lengths.min()} to {lengths.max()}; "
            "expected from 0 to the number of steps. Export the model again."
        )
    return jnp.asarray(lengths)


def _steps(node: Node) -> int:
    """Number of steps, where the model says it."""
    shape = node.tensor("X").shape or ()
    time = shape[1 if node.batch_major else 0] if len(shape) == 3 else 2**31
    return 2**31 if isinstance(time, Size) else time
