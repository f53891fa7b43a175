"""An ONNX graph as it is put together, and the names of carries in it."""

from typing import Any

import jax
import numpy as np

from recur.interop.onnx.activation import onnx_activation
from recur.interop.onnx.model import require_onnx
from recur.types import Activation, PyTree

# What a readout may have besides.
SOFT: dict[Any, str] = {jax.nn.softmax: "Softmax"}
SOFT[jax.nn.log_softmax] = "LogSoftmax"
# Recurrent operators know bfloat16 from 22 on; for the rest, older programs will do.
OPERATORS, IR = {"bfloat16": 22}, {22: 10}


class Graph:
    """Nodes and constants of a graph; every result gets a name of its own.

    Args:
      where: How errors open.
      dtype: Dtype of the weights and of all that is computed.

    Example:
      >>> graph = Graph("doc", jnp.dtype("float32"))
      >>> graph.op("MatMul", "x", graph.constant(np.ones((3, 5), np.float32)))
      'matmul_1'
    """

    def __init__(self, where: str, dtype: np.dtype) -> None:
        self.onnx = require_onnx(where)
        self.where, self.dtype = where, dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind.lower()}_{self._count - 1}"

    @property
    def element_type(self) -> int:
        """What ONNX calls the dtype."""
        names = {"float32": "FLOAT", "float64": "DOUBLE"}
        name = names.get(self.dtype.name, self.dtype.name.upper())
        return getattr(self.onnx.TensorProto, name)

    def constant(self, value: Any) -> str:
        """Adds numbers in the dtype of the graph; gives their name."""
        return self._hold(np.asarray(value).astype(self.dtype), self.element_type)

    def integers(self, value: Any) -> str:
        """Adds axes, sizes or an index; gives their name."""
        return self._hold(np.asarray(value, np.int64), self.onnx.TensorProto.INT64)

    def _hold(self, value: np.ndarray, element_type: int) -> str:
        kind = {"data_type": element_type, "dims": value.shape}
        name = self._name("constant")
        tensor = self.onnx.TensorProto(name=name, raw_data=value.tobytes(), **kind)
        self.constants.append(tensor)
        return name

    def ops(self, kind: str, *inputs: str, count: int = 1, **facts: Any) -> list[str]:
        """Adds a node with several results; gives their names."""
        outputs = [self._name(kind) for _ in range(count)]
        node = self.onnx.helper.make_node(
            kind, list(inputs), outputs, name=f"node_{outputs[0]}", **facts
        )
        self.nodes.append(node)
        return outputs

    def op(self, kind: str, *inputs: str, **facts: Any) -> str:
        """Adds a node with one result; gives its name."""
        return self.ops(kind, *inputs, **facts)[0]

    def split(self, fused: str, count: int) -> list[str]:
        """Takes the last axis apart into equal parts."""
        parts = {"axis": -1, "num_outputs": count}
        return self.ops("Split", fused, count=count, **parts)

    def linear(self, x: str, w: Any, b: Any = None) -> str:
        """Adds ``x @ w + b``."""
        product = self.op("MatMul", x, self.constant(w))
        return product if b is None else self.op("Add", product, self.constant(b))

    def activate(self, activation: Activation, x: str) -> str:
        """Applies an activation function to a tensor."""
        if activation in SOFT:
            return self.op(SOFT[activation], x, axis=-1)
        function = onnx_activation(self.where, activation)
        if function.clip is not None:
            limits = [self.constant(s * function.clip) for s in (-1, 1)]
            x = self.op("Clip", x, *limits)
        alpha, beta = (*function.numbers, None, None)[:2]
        if function.name == "Affine":
            return self._affine(x, alpha, beta)
        if function.name == "ScaledTanh":
            inner = self.op("Tanh", self.op("Mul", x, self.constant(beta)))
            return self.op("Mul", inner, self.constant(alpha))
        pairs = zip(("alpha", "beta"), function.numbers, strict=False)
        return self.op(function.name, x, **dict(pairs))

    def _affine(self, x: str, alpha: Any, beta: Any) -> str:
        scaled = self.op("Mul", x, self.constant(alpha))
        return self.op("Add", scaled, self.constant(beta))

    def take(self, name: str, shape: list[Any], element_type: int = 0) -> str:
        """Declares an input of the model."""
        kind = element_type or self.element_type
        info = self.onnx.helper.make_tensor_value_info(name, kind, shape)
        self.inputs.append(info)
        return name

    def give(self, result: str, name: str, shape: list[Any]) -> None:
        """Declares an output of the model."""
        node = self.onnx.helper.make_node("Identity", [result], [name])
        self.nodes.append(node)
        info = self.onnx.helper.make_tensor_value_info(name, self.element_type, shape)
        self.outputs.append(info)

    def model(self, name: str) -> Any:
        """Makes the model and checks it."""
        helper = self.onnx.helper
        operators = OPERATORS.get(self.dtype.name, 18)
        graph = helper.make_graph(
            self.nodes, name, self.inputs, self.outputs, self.constants
        )
        opset = [helper.make_opsetid("", operators)]
        ir = IR.get(operators, 8)
        facts = {"opset_imports": opset, "ir_version": ir, "producer_name": "recur"}
        model = helper.make_model(graph, **facts)
        self.onnx.checker.check_model(model)
        return model


def carry_names(prefix: str, carry: PyTree) -> PyTree:
    """Names the arrays of a carry by their path.

    Example:
      >>> carry_names("carry", recur.Stack((recur.GRU(3), recur.LSTM(5))).init_carry())
      ('carry.0', LSTMCarry(h='carry.1.h', c='carry.1.c'))
    """

    def name(path: Any, _: Any) -> str:
        simple = jax.tree_util.keystr(path, simple=True, separator=".")
        return f"{prefix}.{simple}" if simple else prefix

    return jax.tree.map_with_path(name, carry)


def take_carry(graph: Graph, cell: Any) -> tuple[PyTree, PyTree]:
    """Declares the carry of a cell as inputs; gives their names and their sizes.

    Example:
      >>> take_carry(Graph("doc", jnp.dtype("float32")), recur.GRU(3))
      ('carry', 3)
    """
    shapes = jax.eval_shape(lambda: cell.init_carry((1,)))
    names, sizes = carry_names("carry", shapes), jax.tree.map(_size, shapes)
    jax.tree.map(lambda name, size: graph.take(name, ["batch", size]), names, sizes)
    return names, sizes


def give_carry(graph: Graph, results: PyTree, sizes: PyTree) -> None:
    """Declares a carry as outputs, under the names of its parts.

    Example:
      >>> graph = Graph("doc", jnp.dtype("float32"))
      >>> give_carry(graph, graph.op("Relu", "carry"), 3)
      >>> graph.outputs[0].name
      'new_carry'
    """
    names = carry_names("new_carry", sizes)

    def give(result: str, name: str, size: int) -> None:
        graph.give(result, name, ["batch", size])

    jax.tree.map(give, results, names, sizes)


def _size(a: Any) -> int:
    return a.shape[-1]
