"""From ONNX models to cells, params and how the model rolls them."""

from dataclasses import dataclass
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.unroll import unroll
from recur.compose.bidirectional import (
    Bidirectional,
    BidirectionalCarry,
    BidirectionalParams,
)
from recur.compose.stack import Stack
from recur.interop.onnx.chain import nodes_of
from recur.interop.onnx.initial import initial_of, lengths_of
from recur.interop.onnx.model import load
from recur.interop.onnx.node import Node
from recur.interop.onnx.reversed import Reversed
from recur.interop.onnx.weights import to_params
from recur.types import Array, PyTree


@dataclass(frozen=True)
class OnnxLayer:
    """The recurrent part of an ONNX model: a cell, its params and how it is rolled.

    Args:
      cell: :class:`recur.LSTM`, :class:`recur.GRU` or :class:`recur.Elman` where these
        can be it, otherwise :class:`OnnxLSTM` or :class:`OnnxGRU`; in a
        :class:`Reversed` or a :class:`recur.Bidirectional`, and of several nodes a
        :class:`recur.Stack`.
      params: Params of the cell, in the dtype of the model.
      carry: The initial states, where the model holds them as constants other than
        zeros that it computes; ``None`` where they are zero or for the caller to give.
      seq_lengths: Lengths of the rows ``[B]``, where the model holds them.
      time_major: Whether ``xs`` is ``[T, B, I]`` or, with ONNX's ``layout`` of 1,
        ``[B, T, I]``.

    Example:
      >>> cell = recur.GRU(5)
      >>> layer = OnnxLayer(cell, cell.init(jax.random.key(0), 3))
      >>> carry, ys = layer.unroll(jnp.ones((7, 2, 3)))
      >>> ys.shape, carry.shape
      ((7, 2, 5), (2, 5))
    """

    cell: Any
    params: PyTree
    carry: PyTree = None
    seq_lengths: Array | None = None
    time_major: bool = True
    carry_source: str = ""

    def unroll(
        self, xs: Array, carry: PyTree = None, *, seq_lengths: Array | None = None
    ) -> tuple[PyTree, Array]:
        """Rolls over ``xs`` as the model does; :func:`recur.unroll` can do more.

        Returns the final carry and ``ys``, with the directions side by side on the last
        axis. What is not given is taken from the model, and a carry that neither has
        is zero.
        """
        batch = self._batch(xs)
        carry = self._first_carry(batch) if carry is None else carry
        held = _repeated(self.seq_lengths, batch)
        lengths = held if seq_lengths is None else seq_lengths
        time = {"seq_lengths": lengths, "time_major": self.time_major}
        return unroll(self.cell, self.params, carry, xs, **time)

    def _batch(self, xs: Array) -> int:
        if not hasattr(xs, "shape") or len(xs.shape) != 3:
            axes = "[T, B, I]" if self.time_major else "[B, T, I]"
            raise ValueError(
                f"OnnxLayer: xs is {checks.describe(xs)}; expected an array {axes}."
            )
        return xs.shape[1 if self.time_major else 0]

    def _first_carry(self, batch: int) -> PyTree:
        if self.carry is not None:
            return _repeated(self.carry, batch)
        if self.carry_source:
            raise ValueError(
                f"OnnxLayer: carry is None, and {self.carry_source}; expected the "
                "first carry. Pass it to unroll, cell.init_carry((batch,)) for zeros."
            )
        return self.cell.init_carry((batch,))


def from_onnx(
    model: str | PathLike | bytes | Any, *, node: str | None = None
) -> OnnxLayer:
    r"""Reads the RNN, LSTM or GRU nodes of an ONNX model, of any operator set.

    .. math::
        b = W_b + R_b, \qquad
        w_{ih} = W^{\mathsf T}, \qquad w_{hh} = R^{\mathsf T}

    with the gates in our order. The biases merge, but for the one inside the reset of
    a GRU with ``linear_before_reset``. All attributes are read; of ``clip``, as in
    onnxruntime, the gates and the candidate are clipped, not the cell. A number that
    ``activation_alpha`` or ``activation_beta`` leaves out has ONNX's default; where
    programs disagree about it, it must be written. A row of length 0 keeps its first
    state, where onnxruntime gives zeros. Nothing in the model is run, and no other file
    is opened.

    Args:
      model: A path, the bytes of a file, or an ``onnx.ModelProto``.
      node: Name of the node to read, or of its first output if it has none. By default
        the only one, or the whole chain where each layer takes the outputs of the one
        below and nothing else; other nodes, such as an embedding, are left out.

    Returns:
      :class:`OnnxLayer`, which rolls as the model does. Its parts are for
      :func:`recur.unroll`.

    Raises:
      ImportError: If onnx is not installed.
      TypeError: If ``model`` is none of these.
      ValueError: If the model is damaged or malformed, refers to other files, holds no
        such node, or one whose weights are inputs or made by other nodes; or if a
        number, a name, a dtype or a shape does not fit.

    Example:
      >>> from recur.interop.onnx import to_onnx
      >>> model = to_onnx(recur.LSTM(5), recur.LSTM(5).init(jax.random.key(0), 3))
      >>> layer = from_onnx(model)
      >>> carry, ys = layer.unroll(jnp.ones((7, 2, 3)))
      >>> layer.cell == recur.LSTM(5), ys.shape
      (True, (7, 2, 5))

    References:
      `ONNX operators <https://onnx.ai/onnx/operators/>`_.
    """
    nodes = nodes_of(load("from_onnx", model), node)
    layers = [_layer(each) for each in nodes]
    cells, params, carries, sources = (
        tuple(part) for part in zip(*layers, strict=True)
    )
    rest = {
        "seq_lengths": lengths_of(nodes[0]),
        "time_major": not nodes[0].batch_major,
        "carry_source": next(filter(None, sources), ""),
    }
    if len(nodes) == 1:
        return OnnxLayer(cells[0], params[0], carries[0], **rest)
    carry = None if rest["carry_source"] else _filled(cells, carries)
    return OnnxLayer(Stack(cells), params, carry, **rest)


def _layer(node: Node) -> tuple[Any, PyTree, PyTree, str]:
    cells, (carries, source) = node.cells(), initial_of(node)
    pairs = zip(cells, node.weights, strict=True)
    params = jax.tree.map(jnp.asarray, [to_params(cell, w) for cell, w in pairs])
    if node.ways == 2:
        carry = None if carries is None else BidirectionalCarry(*carries)
        return Bidirectional(*cells), BidirectionalParams(*params), carry, source
    cell = Reversed(cells[0]) if node.direction == "reverse" else cells[0]
    return cell, params[0], None if carries is None else carries[0], source


def _filled(cells: tuple[Any, ...], carries: tuple[PyTree, ...]) -> PyTree:
    """Carries of a stack of which the model holds all, some or none."""
    held = [len(leaf) for leaf in jax.tree.leaves(carries)]
    if not held:
        return None
    pairs = zip(cells, carries, strict=True)
    carry = tuple(c.init_carry((1,)) if s is None else s for c, s in pairs)
    return _repeated(carry, max(held))


def _repeated(carry: PyTree, batch: int) -> PyTree:
    """Repeats what the model repeats over the batch."""
    return jax.tree.map(
        lambda a: jnp.broadcast_to(a, (batch, *a.shape[1:])) if len(a) == 1 else a,
        carry,
    )


__all__ = ["OnnxLayer", "from_onnx"]
