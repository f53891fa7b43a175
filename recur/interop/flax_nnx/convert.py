"""Weights from and to Flax NNX: ``LSTMCell``, ``GRUCell``, ``SimpleCell``.

NNX fuses the gates as we do, on the same axes; ``nnx.LSTMCell`` alone has one layer for
each. Its GRU has no bias inside the reset product. An LSTM's carry is ``(c, h)`` there:
``carry[::-1]`` of ours, and ``LSTMCarry(*carry[::-1])`` of theirs.
"""

from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur.cells.elman import ElmanParams
from recur.cells.lstm import LSTMParams
from recur.compose.bidirectional import Bidirectional
from recur.interop._shared.capabilities import Holds, check_merge
from recur.interop._shared.gates import Params, cut
from recur.interop._shared.network import directions_of, layers_of, on_top
from recur.interop._shared.optional_imports import loaded, require
from recur.interop._shared.weights import check_zero
from recur.interop.flax_nnx.modules import read_module
from recur.types import Array, PyTree

NNX = Holds("flax.nnx")


def from_nnx(modules: Any) -> tuple[Any, PyTree]:
    """Makes a cell and its params of an NNX module, or of several on top of another.

    Nothing is rounded. Can be traced, so that gradients reach the module's params. What
    a ``GRUCell`` lacks, ``b_hn``, is zero.

    Args:
      modules: An ``nnx.LSTMCell``, ``OptimizedLSTMCell``, ``GRUCell`` or
        ``SimpleCell``; an ``nnx.RNN`` of one, or an ``nnx.Bidirectional`` of two such;
        or a sequence of any of these, from the bottom up.

    Returns:
      ``(cell, params)``: a ``Stack`` of a sequence, ``Bidirectional`` of such.

    Raises:
      TypeError: If one is something else.
      ValueError: If one has options that are another function than our cell.

    Example:
      >>> from flax import nnx
      >>> cell, params = from_nnx(nnx.OptimizedLSTMCell(3, 5, rngs=nnx.Rngs(0)))
      >>> cell.step(params, cell.init_carry(), jnp.ones(3))[1].shape
      (5,)
    """
    several = modules if isinstance(modules, (tuple, list)) else [modules]
    flax_nnx = loaded("flax.nnx")
    return on_top("from_nnx", [read_module("from_nnx", flax_nnx, m) for m in several])


def to_nnx(cell: Any, params: PyTree, *, optimized: bool = True) -> Any:
    """Makes the NNX module that is the same function.

    Args:
      cell: An ``LSTM``, ``Elman``, or ``GRU`` whose ``b_hn`` is zero; a
        ``Bidirectional`` of one, or a ``Stack`` of these.
      params: Params of ``cell``.
      optimized: Whether an LSTM becomes an ``OptimizedLSTMCell`` or an ``LSTMCell``.

    Returns:
      The module: a cell, or an ``nnx.Bidirectional``; a tuple of these for a ``Stack``.

    Raises:
      ImportError: If Flax is not installed.
      TypeError: If ``cell`` is of a kind that NNX lacks.
      ValueError: If it has options or weights that NNX lacks.

    Example:
      >>> cell = LSTM(5)
      >>> module = to_nnx(cell, cell.init(jax.random.key(0), input_size=3))
      >>> module.dense_h.kernel.shape
      (5, 20)
    """
    nnx = require("to_nnx", "flax.nnx", "flax")
    check_bools("to_nnx", optimized=optimized)
    pairs = layers_of("to_nnx", cell, params)
    made = tuple(_to_layer(nnx, c, p, optimized=optimized) for c, p in pairs)
    return made[0] if len(made) == 1 else made


def _to_layer(nnx: Any, cell: Any, params: PyTree, *, optimized: bool) -> Any:
    if isinstance(cell, Bidirectional):
        check_merge("to_nnx", NNX, cell)
        pairs = directions_of("to_nnx", cell, params)
        cells = [_to_layer(nnx, c, p, optimized=optimized) for c, p in pairs]
        return nnx.Bidirectional(*(nnx.RNN(c) for c in cells))
    NNX.check("to_nnx", cell, params)
    kind, weights = _named(nnx, params, optimized=optimized)
    options = {"dtype": params.w_ih.dtype, "param_dtype": params.w_ih.dtype}
    # The weights are ours; an orthogonal draw does not exist in every precision.
    options["recurrent_kernel_init"] = jax.nn.initializers.zeros
    if isinstance(params, ElmanParams):
        options["activation_fn"] = cell.activation
    sizes = params.w_ih.shape[0], params.w_hh.shape[0]
    make = lambda: kind(*sizes, **options, rngs=nnx.Rngs(0))  # noqa: E731
    graph, state = nnx.split(nnx.eval_shape(make))
    nnx.replace_by_pure_dict(state, jax.tree.map(jnp.asarray, weights))
    return nnx.merge(graph, state)


def _named(
    nnx: Any, params: Params, *, optimized: bool
) -> tuple[type, dict[str, dict[str, Array]]]:
    """The class of cell, and its weights by layer."""
    inputs, hidden = {"kernel": params.w_ih}, {"kernel": params.w_hh}
    layers = {"dense_i": inputs, "dense_h": hidden}
    if not isinstance(params, LSTMParams):
        inputs["bias"] = params.b
        if isinstance(params, ElmanParams):
            return nnx.SimpleCell, layers
        remedy = "flax.linen.GRUCell, torch and Keras have it."
        check_zero("to_nnx", "params.b_hn", params.b_hn, remedy)
        return nnx.GRUCell, layers
    hidden["bias"] = params.b
    if optimized:
        return nnx.OptimizedLSTMCell, layers
    return nnx.LSTMCell, _gate_by_gate(inputs, hidden)


def _gate_by_gate(*sides: dict[str, Array]) -> dict[str, dict[str, Array]]:
    layers: dict[str, dict[str, Array]] = {}
    for side, weights in zip("ih", sides, strict=True):
        for leaf, fused in weights.items():
            for gate, w in cut(jnp.asarray(fused), "ifgo").items():
                name = "if_" if side + gate == "if" else side + gate
                layers.setdefault(name, {})[leaf] = w
    return layers


__all__ = ["from_nnx", "to_nnx"]
