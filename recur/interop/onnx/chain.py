"""The recurrent nodes of a model: the one that is asked for, or a chain of them."""

from itertools import pairwise
from typing import Any

from recur.interop.onnx.model import constants_of, require_onnx, to_array
from recur.interop.onnx.node import GATES, Node

Axes = list[str]


def nodes_of(model: Any, name: str | None) -> list[Node]:
    """Finds the node of that name, or all of them, bottom up.

    Example:
      >>> nodes_of(require_onnx("doc").ModelProto(), None)
      Traceback (most recent call last):
      ...
      ValueError: from_onnx: model has no RNN, LSTM or GRU node; expected one ...
    """
    onnx, graph = require_onnx("from_onnx"), model.graph
    constants = constants_of(graph)
    makers = {output: node for node in graph.node for output in node.output}
    makers = {output: n for output, n in makers.items() if output not in constants}
    own = {function.name for function in model.functions if _standard(function)}
    found = []
    for node in graph.node:
        if node.op_type in GATES and _standard(node) and node.op_type not in own:
            get = onnx.helper.get_attribute_value
            facts = {a.name: get(a) for a in node.attribute}
            found.append(Node(node, facts, constants, makers))
    if not found:
        raise ValueError(
            "from_onnx: model has no RNN, LSTM or GRU node; expected one in its "
            "main graph. Take it out of the If, Loop, Scan or function it is in."
        )
    if name is not None:
        return [_named(found, name)]
    for below, above in pairwise(found):
        _check_link(below, above, found)
    return found


def _standard(message: Any) -> bool:
    return message.domain in ("", "ai.onnx")


def _named(nodes: list[Node], name: str) -> Node:
    same = [node for node in nodes if node.name == name]
    if len(same) != 1:
        raise ValueError(
            f"from_onnx: node is {name!r}, of which model has {len(same)}; expected "
            f"one of {', '.join(node.name for node in nodes)}."
        )
    return same[0]


def _check_link(below: Node, above: Node, nodes: list[Node]) -> None:
    lengths = below.input("sequence_lens") == above.input("sequence_lens")
    layout = below.batch_major == above.batch_major
    if not (lengths and layout and _feeds(below, above)):
        raise ValueError(
            f"from_onnx: model has {len(nodes)} recurrent nodes, of which "
            f"'{above.name}' does not take just the outputs of '{below.name}'; "
            "expected a chain of layers. Read them one by one, with node= one of "
            f"{', '.join(node.name for node in nodes)}."
        )


def _feeds(below: Node, above: Node) -> bool:
    """Whether the X of a node is the Y of another with its directions side by side."""
    path, source = [], above.input("X")
    output = below.node.output[0]
    while source != output:
        if source not in above.makers or not above.makers[source].input:
            return False
        path.append(above.makers[source])
        source = path[-1].input[0]
    axes = ["B", "T", "D", "H"] if below.batch_major else ["T", "D", "B", "H"]
    for node in reversed(path):
        axes = _moved(below, node, axes)
    merged = ["B", "T"] if below.batch_major else ["T", "B"]
    return axes in ([*merged, "H"], [*merged, "DH"])


def _moved(below: Node, node: Any, axes: Axes) -> Axes:
    """Where the axes of a tensor are behind a node; nowhere if it does more than move.

    ``D`` can be dropped where it is 1, and be joined with ``H`` behind it.
    """
    facts = {a.name: a for a in node.attribute}
    if node.op_type == "Identity":
        return axes
    if node.op_type == "Transpose" and "perm" in facts:
        perm = facts["perm"].ints
        return [axes[n] for n in perm] if len(perm) == len(axes) else []
    numbers = _numbers(below, node, facts)
    if node.op_type == "Squeeze" and below.ways == 1 and "D" in axes:
        place = axes.index("D")
        drops_it = numbers in ([place], [place - len(axes)])
        return [a for a in axes if a != "D"] if drops_it else []
    copies = "allowzero" not in facts or facts["allowzero"].i == 0
    if node.op_type == "Reshape" and axes[2:] == ["D", "H"] and copies:
        width = below.ways * below.hidden_size
        return [*axes[:2], "DH"] if numbers in ([0, 0, -1], [0, 0, width]) else []
    return []


def _numbers(below: Node, node: Any, facts: dict[str, Any]) -> list[int]:
    """The axes of a squeeze or the sizes of a reshape, if the model holds them."""
    if "axes" in facts:
        return list(facts["axes"].ints)
    if len(node.input) < 2 or node.input[1] not in below.constants:
        return []
    return to_array(below.where, "axes", below.constants[node.input[1]]).tolist()
