"""The recurrent nodes of a model: the one that is asked for, or a chain of them."""

from collections.abc import Iterator
from itertools import islice, pairwise
from math import prod
from typing import Any

from recur.interop.onnx.joint import feeds, is_same
from recur.interop.onnx.known import RECURRENT, Known
from recur.interop.onnx.node import Node
from recur.interop.onnx.scope import STANDARD, Scope, functions_of, scopes_in

# So many names are told in an error.
TOLD = 20


def nodes_of(model: Any, name: str | None) -> list[Node]:
    """Finds the node of that name, or all of the main graph, bottom up.

    Example:
      >>> import onnx
      >>> nodes_of(onnx.ModelProto(), None)
      Traceback (most recent call last):
      ...
      ValueError: from_onnx: model has no RNN, LSTM or GRU node in its main graph; ...
    """
    functions = functions_of(model)
    own = frozenset(f[1] for f in functions if not f[0])
    known, main = Known(_held(model.graph), own), Scope(model.graph)
    found = [*_recurrent(main, "", known)]
    if name is None and found:
        for below, above in pairwise(found):
            _check_link(below, above, found)
        return found
    same = [node for node in found if node.name == name]
    if len(same) == 1:
        return same
    inside = [
        node
        for scope, path in scopes_in(main, "", functions)
        for node in _recurrent(scope, path, known)
    ]
    return [_named(found + inside, name)]


def _held(graph: Any) -> int:
    return sum(prod(max(n, 0) for n in tensor.dims) for tensor in graph.initializer)


def _recurrent(scope: Scope, path: str, known: Known) -> Iterator[Node]:
    for node in scope.nodes:
        standard = node.domain in STANDARD and node.op_type not in known.own
        if standard and node.op_type in RECURRENT:
            yield Node(node, scope, known, path)


def _named(nodes: list[Node], name: str | None) -> Node:
    if name is None:
        raise ValueError(
            "from_onnx: model has no RNN, LSTM or GRU node in its main graph; expected "
            f"one. Name one inside an If, Loop, Scan or function: {_told(nodes)}."
        )
    same = [node for node in nodes if name in (node.name, node.path + node.name)]
    if len(same) != 1:
        raise ValueError(
            f"from_onnx: node is {name!r}, of which model has {len(same)}; expected "
            f"one of {_told(nodes)}."
        )
    return same[0]


def _told(nodes: list[Node]) -> str:
    """Names of nodes, inside others with the path to them."""
    names = [node.path + node.name for node in islice(nodes, TOLD)]
    more = len(nodes) - len(names)
    return ", ".join(names + [f"{more} more"] * (more > 0)) or "it has none"


def _check_link(below: Node, above: Node, nodes: list[Node]) -> None:
    layout = below.batch_major == above.batch_major
    if not (layout and is_same("sequence_lens", below, above) and feeds(below, above)):
        raise ValueError(
            f"from_onnx: model has {len(nodes)} recurrent nodes, of which "
            f"'{above.name}' does not take just the outputs of '{below.name}'; "
            "expected a chain of layers. Read them one by one, with node= one of "
            f"{_told(nodes)}."
        )
