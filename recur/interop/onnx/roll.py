"""Cells as operators and what joins them, written into a graph."""

from typing import Any

import jax

from recur.cells.lstm import LSTMCarry
from recur.compose.bidirectional import Bidirectional, BidirectionalCarry
from recur.compose.readout import Readout
from recur.compose.stack import Stack
from recur.interop.onnx.fit import LEAVES
from recur.interop.onnx.graph import Graph
from recur.interop.onnx.operator import activations_of, operator_of, weights_of
from recur.interop.onnx.reversed import Reversed
from recur.types import PyTree

# How the outputs of both directions are merged: within one node, and of two nodes.
REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "product": "ReduceProd"}
PAIRS = {"sum": "Add", "mean": "Mean", "product": "Mul"}


class Roll:
    """Writes cells into a graph, which give the name of ``ys`` and the last carry.

    Args:
      graph: Where they are written.
      lengths: Name of the lengths of the rows, empty if there are none.

    Example:
      >>> graph, cell = Graph("doc", jnp.dtype("float32")), recur.GRU(5)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> Roll(graph, "").roll(cell, params, "carry", "xs")
      ('squeeze_10', 'gather_8')
    """

    def __init__(self, graph: Graph, lengths: str) -> None:
        self.graph, self.lengths, self.empty = graph, lengths, ""
        if lengths:
            boolean = graph.onnx.TensorProto.BOOL
            some = graph.op("Cast", lengths, to=boolean)
            empty = graph.op("Not", some)
            self.empty = graph.op("Unsqueeze", empty, graph.integers([1]))

    def roll(
        self,
        cell: Any,
        params: PyTree,
        carry: PyTree,
        xs: str,
        *,
        reverse: bool = False,
    ) -> tuple[str, PyTree]:
        """Writes any cell."""
        if isinstance(cell, Reversed):
            return self.roll(cell.cell, params, carry, xs, reverse=not reverse)
        if isinstance(cell, Stack):
            return self._stack(cell, params, carry, xs, reverse=reverse)
        if isinstance(cell, Readout):
            h, last = self.roll(cell.cell, params.cell, carry, xs, reverse=reverse)
            logits = self.graph.linear(h, params.w, params.b)
            return self._valid(self.graph.activate(cell.activation, logits)), last
        if isinstance(cell, Bidirectional):
            return self._both(cell, params, carry, xs, reverse=reverse)
        direction = "reverse" if reverse else "forward"
        y, (last,) = self._node([(cell, params)], [carry], xs, direction)
        return self.graph.op("Squeeze", y, self.graph.integers([1])), last

    def _valid(self, ys: str) -> str:
        """Zeroes what is past the end of a row; the operators do so themselves."""
        if not self.lengths:
            return ys
        graph, ends = self.graph, self.graph.integers([1])
        steps = graph.op("Shape", ys, start=0, end=1)
        bounds = graph.op("Squeeze", steps, graph.integers([0]))
        times = graph.op("Range", graph.integers(0), bounds, graph.integers(1))
        times = graph.op("Unsqueeze", times, ends)
        lengths = graph.op("Cast", self.lengths, to=graph.onnx.TensorProto.INT64)
        valid = graph.op(
            "Unsqueeze", graph.op("Less", times, lengths), graph.integers([2])
        )
        return graph.op("Where", valid, ys, graph.constant(0.0))

    def _stack(
        self, stack: Stack, params: PyTree, carry: PyTree, xs: str, *, reverse: bool
    ) -> tuple[str, PyTree]:
        lasts = []
        for cell, p, s in zip(stack.cells, params, carry, strict=True):
            xs, last = self.roll(cell, p, s, xs, reverse=reverse)
            lasts.append(last)
        return xs, tuple(lasts)

    def _both(
        self, cell: Bidirectional, params: Any, carry: Any, xs: str, *, reverse: bool
    ) -> tuple[str, PyTree]:
        if reverse or not self._is_one_node(cell):
            return self._two_rolls(cell, params, carry, xs, reverse=reverse)
        ways = [(cell.forward, params.forward), (cell.backward, params.backward)]
        y, lasts = self._node(ways, list(carry), xs, "bidirectional")
        if cell.merge == "concatenate":
            turned = self.graph.op("Transpose", y, perm=[0, 2, 1, 3])
            ys = self.graph.op("Reshape", turned, self.graph.integers([0, 0, -1]))
        else:
            reduce = REDUCTIONS[cell.merge]
            ys = self.graph.op(reduce, y, self.graph.integers([1]), keepdims=0)
        return ys, BidirectionalCarry(*lasts)

    def _is_one_node(self, cell: Bidirectional) -> bool:
        if type(cell.forward) not in LEAVES or type(cell.backward) not in LEAVES:
            return False
        one, other = (operator_of("to_onnx", c) for c in (cell.forward, cell.backward))
        return one == other

    def _two_rolls(
        self, cell: Bidirectional, params: Any, carry: Any, xs: str, *, reverse: bool
    ) -> tuple[str, PyTree]:
        one, last = self.roll(
            cell.forward, params.forward, carry.forward, xs, reverse=reverse
        )
        other, first = self.roll(
            cell.backward, params.backward, carry.backward, xs, reverse=not reverse
        )
        if cell.merge == "concatenate":
            ys = self.graph.op("Concat", one, other, axis=-1)
        else:
            ys = self.graph.op(PAIRS[cell.merge], one, other)
        return ys, BidirectionalCarry(last, first)

    def _node(
        self, ways: list[tuple[Any, Any]], carry: list[Any], xs: str, direction: str
    ) -> tuple[str, list[Any]]:
        """Writes one operator, with a pair and a carry for each direction."""
        cells, graph = [cell for cell, _ in ways], self.graph
        kind, facts, _ = operator_of(graph.where, cells[0])
        w, r, b, p = weights_of(ways)
        parts = [jax.tree.leaves(each) for each in carry]
        initial = [self._side_by_side(part) for part in zip(*parts, strict=True)]
        peepholes = [] if p is None else [graph.constant(p)]
        weights = [graph.constant(weight) for weight in (w, r, b)]
        y, *finals = graph.ops(
            kind,
            *(xs, *weights, self.lengths, *initial, *peepholes),
            count=1 + len(initial),
            direction=direction,
            **dict(facts),
            **activations_of(graph.where, cells),
        )
        return y, [self._last(finals, n, part) for n, part in enumerate(parts)]

    def _side_by_side(self, part: tuple[str, ...]) -> str:
        axis = self.graph.integers([0])
        ways = [self.graph.op("Unsqueeze", name, axis) for name in part]
        return ways[0] if len(ways) == 1 else self.graph.op("Concat", *ways, axis=0)

    def _last(self, finals: list[str], way: int, initial: list[str]) -> Any:
        """The final carry of a direction; that of an empty row is the first."""
        index = self.graph.integers(way)
        last: list[Any] = [
            self.graph.op("Gather", final, index, axis=0) for final in finals
        ]
        if self.empty:
            pairs = zip(initial, last, strict=True)
            last = [self.graph.op("Where", self.empty, *pair) for pair in pairs]
        return LSTMCarry(*last) if len(last) == 2 else last[0]
