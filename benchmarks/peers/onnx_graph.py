"""ONNX graphs of recurrent layers, with our weights in them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

import recur
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data

OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "elman": ("RNN", {"activations": ["Tanh"]}),
    "elman_relu": ("RNN", {"activations": ["Relu"]}),
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {"linear_before_reset": 1}),
    "gru_before": ("GRU", {"linear_before_reset": 0}),
}

# Where the gates of ONNX stand among ours: i, o, f, c among i, f, g, o, and z, r, h
# among r, z, n.
ORDER = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}


@dataclass
class Graph:
    """A graph as it is put together."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: Any) -> str:
        """Adds an array; gives its name."""
        self.constants.append(
            numpy_helper.from_array(np.ascontiguousarray(values), name)
        )
        return name

    def add(
        self, operator: str, inputs: list[str], outputs: list[str], **facts: Any
    ) -> None:
        """Adds a node."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, **facts))

    def model(self, inputs: dict[str, int], outputs: list[str]) -> ModelProto:
        """Makes the model.

        Args:
          inputs: Names, with their element types.
          outputs: Names of float results, and ``tokens``.
        """
        takes = [helper.make_tensor_value_info(n, t, None) for n, t in inputs.items()]
        gives = [
            helper.make_tensor_value_info(
                name, TensorProto.INT64 if name == "tokens" else TensorProto.FLOAT, None
            )
            for name in outputs
        ]
        graph = helper.make_graph(self.nodes, "rolls", takes, gives, self.constants)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


def roll_model(case: Case, data: Data) -> ModelProto:
    """Makes the graph of a roll: ``xs``, carries and lengths to ``ys`` and carries."""
    graph = Graph()
    top = _layers(graph, case, data, "xs")
    graph.add("Identity", [top], ["ys"])
    inputs = {"xs": TensorProto.FLOAT} | _carry_inputs(case)
    inputs |= {"lengths": TensorProto.INT32} if case.ragged else {}
    return graph.model(inputs, ["ys", *carry_names(case, "next")])


def token_model(case: Case, data: Data) -> ModelProto:
    """Makes the graph of one step of decoding: from tokens to the next tokens."""
    graph = Graph()
    graph.constant("embedding", data.embedding)
    graph.constant("readout", data.readout)
    graph.constant("time", np.array([0], np.int64))
    graph.add("Gather", ["embedding", "before"], ["x"])
    graph.add("Unsqueeze", ["x", "time"], ["xs"])
    top = _layers(graph, case, data, "xs")
    graph.add("Squeeze", [top, "time"], ["y"])
    graph.add("MatMul", ["y", "readout"], ["logits"])
    graph.add("ArgMax", ["logits"], ["tokens"], axis=-1, keepdims=0)
    inputs = {"before": TensorProto.INT64} | _carry_inputs(case)
    return graph.model(inputs, ["tokens", *carry_names(case, "next")])


def carry_names(case: Case, prefix: str) -> list[str]:
    """Names the carries of a graph: one a layer, two for an LSTM."""
    parts = "hc" if case.cell == "lstm" else "h"
    return [f"{prefix}_{part}{n}" for n in range(case.layers) for part in parts]


def _carry_inputs(case: Case) -> dict[str, int]:
    return dict.fromkeys(carry_names(case, "first"), TensorProto.FLOAT)


def _layers(graph: Graph, case: Case, data: Data, xs: str) -> str:
    graph.constant("joined", np.array([0, 0, -1], np.int64))
    names = carry_names(case, "first"), carry_names(case, "next")
    count = len(names[0]) // case.layers
    for n, cells in enumerate(data.params):
        carries, nexts = (own[n * count : (n + 1) * count] for own in names)
        weights = _constants(graph, case, cells, n)
        lengths = "lengths" if case.ragged else ""
        inputs, outputs = [xs, *weights, lengths, *carries], [f"Y{n}", *nexts]
        graph.add(OPERATORS[case.cell][0], inputs, outputs, **_facts(case))
        # [T, D, B, H] to [T, B, D·H].
        graph.add("Transpose", [f"Y{n}"], [f"turned{n}"], perm=[0, 2, 1, 3])
        graph.add("Reshape", [f"turned{n}", "joined"], [f"xs{n + 1}"])
        xs = f"xs{n + 1}"
    return xs


def _facts(case: Case) -> dict[str, Any]:
    facts = dict(OPERATORS[case.cell][1])
    if "activations" in facts:
        facts["activations"] = facts["activations"] * case.directions
    facts["direction"] = "bidirectional" if case.bidirectional else "forward"
    return facts | {"hidden_size": case.shape.hidden}


def _constants(graph: Graph, case: Case, cells: tuple[Any, ...], n: int) -> list[str]:
    """Adds ``W``, ``R`` and ``B`` of a layer, its directions on the first axis."""
    operator, _ = OPERATORS[case.cell]
    arrays = zip(*(_weights(operator, params) for params in cells), strict=True)
    named = zip("WRB", arrays, strict=True)
    return [graph.constant(f"{name}{n}", np.stack(w)) for name, w in named]


def _weights(operator: str, params: Any) -> list[np.ndarray]:
    w_ih, w_hh, b = (np.asarray(w) for w in params[:3])
    second = np.zeros_like(b)
    if isinstance(params, recur.GRUParams) and params.b_hn is not None:
        second[-w_hh.shape[0] :] = params.b_hn
    ordered = [_reorder(operator, w) for w in (w_ih, w_hh, b, second)]
    return [ordered[0].T, ordered[1].T, np.concatenate(ordered[2:])]


def _reorder(operator: str, w: np.ndarray) -> np.ndarray:
    gates = np.split(w, len(ORDER[operator]), -1)
    return np.concatenate([gates[n] for n in ORDER[operator]], -1)
