"""From cells and params to ONNX models that roll them."""

from typing import Any

import jax

from recur._arguments import check_bools
from recur.compose.plain import plain
from recur.interop.onnx.fit import LAYERS, check_fits
from recur.interop.onnx.graph import Graph, give_carry, take_carry
from recur.interop.onnx.roll import Roll
from recur.types import PyTree


def to_onnx(
    cell: Any, params: PyTree, *, seq_lengths: bool = False, time_major: bool = True
) -> Any:
    r"""Makes an ONNX model of the roll of a cell, with its weights inside.

    .. math::
        W = w_{ih}^{\mathsf T}, \qquad R = w_{hh}^{\mathsf T}, \qquad W_b = b

    with the gates in ONNX's order, and zeros for the weights of a coupled forget gate.
    ``R_b`` is zero but for the bias inside the reset of a GRU. :func:`from_onnx` reads
    the same cells and weights back, without what other nodes do: a readout, or a merge
    of directions that is not ``"concatenate"``.

    The model takes ``xs`` and the first carry, and gives ``ys`` and the final carry;
    batch and time may have any size. The arrays of a carry are inputs ``carry`` and
    outputs ``new_carry`` with their path behind it: ``carry`` of a GRU, ``carry.h`` and
    ``carry.c`` of an LSTM, ``carry.1.forward.h`` in a stack. A row of length 0 keeps
    its carry, as in :func:`recur.unroll`.

    Args:
      cell: :class:`recur.LSTM`, :class:`recur.GRU`, :class:`recur.Elman`,
        :class:`OnnxLSTM`, :class:`OnnxGRU`, or a :class:`recur.Stack`,
        :class:`recur.Bidirectional`, :class:`recur.Readout` or :class:`Reversed` of
        them. What :func:`recur.plain` takes off is left out.
      params: Its params without masks, in one dtype, which is that of the model.
      seq_lengths: Whether the model takes ``seq_lengths``, int32 ``[B]``.
      time_major: Whether ``xs`` and ``ys`` are ``[T, B, ...]`` or ``[B, T, ...]``.

    Returns:
      An ``onnx.ModelProto``; ``onnx.save(model, path)`` writes it.

    Raises:
      ImportError: If onnx is not installed.
      TypeError: If ``cell`` or ``params`` are of another kind.
      ValueError: If ONNX has no such function, no projection or no such clip, or the
        params do not fit the cell or have several dtypes.

    Example:
      >>> cell = recur.Stack((recur.Bidirectional(recur.LSTM(5)), recur.GRU(4)))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> model = to_onnx(cell, params, seq_lengths=True)
      >>> [each.name for each in model.graph.output][:2]
      ['ys', 'new_carry.0.forward.h']

    References:
      `ONNX operators <https://onnx.ai/onnx/operators/>`_.
    """
    check_bools("to_onnx", seq_lengths=seq_lengths, time_major=time_major)
    cell = plain(cell)
    dtype = check_fits("to_onnx", cell, params, LAYERS)
    graph = Graph("to_onnx", dtype)
    axes = ["time", "batch"] if time_major else ["batch", "time"]
    xs = graph.take("xs", [*axes, _input_size(params)])
    lengths = ""
    if seq_lengths:
        int32 = graph.onnx.TensorProto.INT32
        lengths = graph.take("seq_lengths", ["batch"], int32)
    names, sizes = take_carry(graph, cell)
    xs = xs if time_major else graph.op("Transpose", xs, perm=[1, 0, 2])
    ys, last = Roll(graph, lengths).roll(cell, params, names, xs)
    ys = ys if time_major else graph.op("Transpose", ys, perm=[1, 0, 2])
    graph.give(ys, "ys", [*axes, cell.output_size])
    give_carry(graph, last, sizes)
    return graph.model("roll")


def _input_size(params: PyTree) -> int:
    """``I`` of the lowest layer, whose weights come first in the tree."""
    return jax.tree.leaves(params)[0].shape[0]


__all__ = ["to_onnx"]
