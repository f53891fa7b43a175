"""From cells and params to ONNX models of one step, for streaming."""

from typing import Any

import jax

from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTMCarry
from recur.compose.plain import plain
from recur.compose.readout import Readout
from recur.compose.stack import Stack
from recur.interop.onnx.cells import OnnxGRU
from recur.interop.onnx.fit import STEPS, check_fits
from recur.interop.onnx.graph import Graph, give_carry, take_carry
from recur.interop.onnx.operator import functions_of
from recur.regularize.zoneout import Zoneout
from recur.types import PyTree


def step_to_onnx(cell: Any, params: PyTree) -> Any:
    r"""Makes an ONNX model of one step of a cell, with its weights inside.

    .. math::
        (s_t, y_t) = \mathrm{step}(\theta, s_{t-1}, x_t)

    The graph is of plain operators (``MatMul``, ``Add``, ``Sigmoid``, ...), which run
    where the recurrent ones do not, and can be what these cannot: a projection, say.
    It takes ``x [B, I]`` and the carry, and gives ``y`` and the new carry, under the
    names of :func:`to_onnx`; feed back what it gives.

    Args:
      cell: :class:`recur.LSTM`, :class:`recur.GRU`, :class:`recur.Elman`,
        :class:`OnnxLSTM`, :class:`OnnxGRU`, or a :class:`recur.Stack` or
        :class:`recur.Readout` of them. Of :class:`recur.Zoneout` the mean is written,
        as it steps without masks; what :func:`recur.plain` takes off is left out.
      params: Its params without masks, in one dtype, which is that of the model.

    Returns:
      An ``onnx.ModelProto``; ``onnx.save(model, path)`` writes it.

    Raises:
      ImportError: If onnx is not installed.
      TypeError: If ``cell`` or ``params`` are of another kind.
      ValueError: If ONNX has no such function, or the params do not fit the cell or
        have several dtypes.

    Example:
      >>> cell = recur.LSTM(5, projection_size=4)
      >>> model = step_to_onnx(cell, cell.init(jax.random.key(0), input_size=3))
      >>> [each.name for each in model.graph.output]
      ['y', 'new_carry.h', 'new_carry.c']

    References:
      `ONNX operators <https://onnx.ai/onnx/operators/>`_.
    """
    cell = plain(cell)
    dtype = check_fits("step_to_onnx", cell, params, STEPS)
    graph = Graph("step_to_onnx", dtype)
    x = graph.take("x", ["batch", jax.tree.leaves(params)[0].shape[0]])
    names, sizes = take_carry(graph, cell)
    new_carry, y = _step(graph, cell, params, names, x)
    graph.give(y, "y", ["batch", cell.output_size])
    give_carry(graph, new_carry, sizes)
    return graph.model("step")


def _step(
    graph: Graph, cell: Any, params: Any, carry: Any, x: str
) -> tuple[PyTree, str]:
    if isinstance(cell, Stack):
        new_carry = []
        for inner, p, s in zip(cell.cells, params, carry, strict=True):
            s, x = _step(graph, inner, p, s, x)
            new_carry.append(s)
        return tuple(new_carry), x
    if isinstance(cell, Readout):
        carry, h = _step(graph, cell.cell, params.cell, carry, x)
        logits = graph.linear(h, params.w, params.b)
        return carry, graph.activate(cell.activation, logits)
    if isinstance(cell, Zoneout):
        new_carry, _ = _step(graph, cell.cell, params, carry, x)
        return _zoneout(graph, cell, carry, new_carry)
    if isinstance(cell, Elman):
        net = graph.op(
            "Add",
            graph.linear(x, params.w_ih, params.b),
            graph.linear(carry, params.w_hh),
        )
        h = graph.activate(cell.activation, net)
        return h, h
    gru = isinstance(cell, (GRU, OnnxGRU))
    return (_gru if gru else _lstm)(graph, cell, params, carry, x)


def _zoneout(
    graph: Graph, cell: Zoneout, carry: Any, new_carry: Any
) -> tuple[PyTree, str]:
    """The mean of the carry that stays and of the new one; the output is its ``h``."""

    def mean(rate: float, old: Any, new: Any) -> Any:
        kept = graph.op("Mul", old, graph.constant(rate))
        return graph.op("Add", kept, graph.op("Mul", new, graph.constant(1 - rate)))

    if not isinstance(carry, LSTMCarry):
        h = mean(cell.h, carry, new_carry)
        return h, h
    h: Any = mean(cell.h, carry.h, new_carry.h)
    return LSTMCarry(h, mean(cell.c, carry.c, new_carry.c)), h


def _lstm(
    graph: Graph, cell: Any, params: Any, carry: Any, x: str
) -> tuple[PyTree, str]:
    gate, candidate, output = functions_of(cell)
    from_x = graph.linear(x, params.w_ih, params.b)
    net = graph.op("Add", from_x, graph.linear(carry.h, params.w_hh))
    names = "igo" if cell.coupled else "ifgo"
    nets = dict(zip(names, graph.split(net, len(names)), strict=True))
    looks = _peepholes(graph, params.w_ch, names.replace("g", ""))

    def look(name: str, c: str) -> str:
        if name in looks:
            seen = graph.op("Mul", looks[name], c)
            return graph.activate(gate, graph.op("Add", nets[name], seen))
        return graph.activate(gate, nets[name])

    i = look("i", carry.c)
    f = graph.op("Sub", graph.constant(1), i) if cell.coupled else look("f", carry.c)
    kept = graph.op("Mul", f, carry.c)
    written = graph.op("Mul", i, graph.activate(candidate, nets["g"]))
    c: Any = graph.op("Add", kept, written)
    h = graph.op("Mul", look("o", c), graph.activate(output, c))
    h: Any = h if params.w_hr is None else graph.linear(h, params.w_hr)
    return LSTMCarry(h, c), h


def _peepholes(graph: Graph, w_ch: Any, names: str) -> dict[str, str]:
    if w_ch is None:
        return {}
    parts = w_ch.reshape(len(names), -1)
    return {name: graph.constant(part) for name, part in zip(names, parts, strict=True)}


def _gru(
    graph: Graph, cell: Any, params: Any, h_tm1: Any, x: str
) -> tuple[PyTree, str]:
    gate, candidate = functions_of(cell)
    split = 2 * cell.hidden_size
    w_hrz, w_hn = params.w_hh[:, :split], params.w_hh[:, split:]
    x_r, x_z, x_n = graph.split(graph.linear(x, params.w_ih, params.b), 3)
    h_r, h_z = graph.split(graph.linear(h_tm1, w_hrz), 2)
    r = graph.activate(gate, graph.op("Add", x_r, h_r))
    z = graph.activate(gate, graph.op("Add", x_z, h_z))
    if cell.reset_after:
        h_n = graph.op("Mul", r, graph.linear(h_tm1, w_hn, params.b_hn))
    else:
        h_n = graph.linear(graph.op("Mul", r, h_tm1), w_hn)
    n = graph.activate(candidate, graph.op("Add", x_n, h_n))
    written = graph.op("Mul", graph.op("Sub", graph.constant(1), z), n)
    h = graph.op("Add", written, graph.op("Mul", z, h_tm1))
    return h, h


__all__ = ["step_to_onnx"]
