"""Weights from and to Keras 3: ``LSTM``, ``GRU``, ``SimpleRNN`` and ``Bidirectional``.

Keras has its GRU's gates as ``z, r, h``, resets after or before the product as we do,
and has two biases in the former. What is read are the variables of layers on any
backend; what is made are NumPy arrays for ``set_weights``. Keras takes and gives
``[B, T, ...]``: roll with ``unroll(..., time_major=False)``. Its states are ``[h, c]``:
``list(carry)`` of ours, and ``LSTMCarry(*states)`` of theirs.
"""

from itertools import chain
from typing import Any

import jax.numpy as jnp
import numpy as np

from recur._arguments import check_bools
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM
from recur.compose.bidirectional import Bidirectional
from recur.compose.plain import plain
from recur.compose.stack import Stack
from recur.interop._shared.capabilities import Holds
from recur.interop._shared.gates import Params, reorder, split_biases
from recur.interop._shared.network import directions_of, layers_of, on_top
from recur.interop._shared.optional_imports import loaded
from recur.interop._shared.weights import check_zero
from recur.interop.keras.activations import ACTIVATIONS, OVER_UNITS
from recur.interop.keras.layers import read_layer
from recur.interop.keras.models import recurrent_layers
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from recur.types import Activation, Array, PyTree

FUNCTIONS = (*ACTIVATIONS.values(), *OVER_UNITS.values())
KERAS = Holds("Keras", reset_after=(True, False), activations=FUNCTIONS)


def from_keras(layers: Any) -> tuple[Any, PyTree]:
    """Makes a cell and its params of a Keras layer, or of all that a model has.

    Of a model, what comes before the first recurrent layer and after the last, such as
    an embedding and a dense layer, is the caller's. Between them, what does nothing in
    evaluation is stepped over: dropout, noise, and ``Masking``, which the roll here is
    told by its ``mask`` or ``seq_lengths``.

    Nothing is rounded but the sum of the two biases of a GRU that resets after the
    product. Dropout is no part of the weights: what comes is the layer with
    ``training=False``. Whether a layer returns sequences or states is asked of the roll
    here.

    Args:
      layers: An ``LSTM``, ``GRU``, ``SimpleRNN`` or ``RNN`` of such cells, one of these
        cells, or a ``Bidirectional``, built; or a list of these, from the bottom up, or
        a model that is one chain of layers.

    Returns:
      ``(cell, params)`` in the dtype of the variables: a ``Stack`` of several,
      ``Bidirectional`` of such. With other functions than tanh and sigmoid an LSTM
      comes as :class:`recur.interop.onnx.OnnxLSTM`, a GRU as ``OnnxGRU``.

    Raises:
      TypeError: If one is something else.
      ValueError: If one is not built, has options that are another function than our
        cells, such as ``go_backwards=True``, or other layers stand between them; if a
        model calls one twice, with ``training=True`` or from an ``initial_state``, or
        has recurrent layers inside another layer too.

    Example:
      >>> import keras
      >>> layer = keras.layers.GRU(5, recurrent_initializer="glorot_uniform")
      >>> layer.build((None, None, 3))
      >>> cell, params = from_keras(layer)
      >>> cell.step(params, cell.init_carry(), jnp.ones(3))[1].shape
      (5,)
    """
    keras = loaded("keras")
    where = "from_keras"
    several = recurrent_layers(where, keras, layers)
    return on_top(where, [read_layer(where, keras, layer) for layer in several])


def to_keras(cell: Any, params: PyTree, *, use_bias: bool = True) -> list[np.ndarray]:
    """Makes the weights of the Keras layer, or ``Sequential``, that is the same.

    A GRU's biases go to the input side, so that :func:`from_keras` gives back exactly
    the params. The layer must be made with the sizes and options of ``cell``, among
    them ``reset_after`` and ``activation``, and be built.

    Args:
      cell: An ``LSTM``, ``GRU`` or ``Elman``, an ``OnnxLSTM`` or ``OnnxGRU`` with
        functions of Keras, or a ``Bidirectional`` or ``Stack`` of these or of such.
      params: Params of ``cell``.
      use_bias: Whether the layers have biases; without, those of ``params`` must be
        zero.

    Returns:
      Arrays for ``layer.set_weights``, or for ``keras.Sequential(...).set_weights`` of
      the layers of a ``Stack``.

    Raises:
      TypeError: If ``cell`` is of a kind that Keras lacks.
      ValueError: If it has options that Keras lacks.

    Example:
      >>> cell = GRU(5)
      >>> weights = to_keras(cell, cell.init(jax.random.key(0), input_size=3))
      >>> [w.shape for w in weights]
      [(3, 15), (5, 15), (2, 15)]
    """
    check_bools("to_keras", use_bias=use_bias)
    weights = _all_weights("to_keras", plain(cell), params, use_bias=use_bias)
    # A memory of their own: on its JAX backend Keras keeps what it is given.
    return [np.array(w) for w in weights]


def _all_weights(
    where: str, cell: Any, params: PyTree, *, use_bias: bool
) -> list[Array]:
    """Those of all cells; an ``RNN`` of several is a stack in a stack, or one way."""
    if isinstance(cell, Bidirectional):
        parts = directions_of(where, cell, params)
    elif isinstance(cell, Stack):
        parts = layers_of(where, cell, params)
    else:
        KERAS.check(where, _usual(where, cell), params)
        return _weights(where, params, use_bias=use_bias)
    each = (_all_weights(where, *part, use_bias=use_bias) for part in parts)
    return list(chain.from_iterable(each))


def _usual(where: str, cell: Any) -> Any:
    """The cell with the usual functions, whose weights are the same."""
    if isinstance(cell, OnnxGRU):
        _check_functions(where, cell, cell.activations)
        return GRU(cell.hidden_size, reset_after=cell.reset_after)
    if isinstance(cell, OnnxLSTM):
        gate, candidate, output = cell.activations
        if output != candidate:
            raise ValueError(
                f"{where}: cell has one function for the candidate and another for the "
                "cell's output; expected the same twice, as Keras has one activation "
                "for both. Of the other formats, ONNX holds it."
            )
        _check_functions(where, cell, (gate, candidate))
        return LSTM(cell.hidden_size, peephole=cell.peephole, coupled=cell.coupled)
    return cell


def _check_functions(
    where: str, cell: Any, activations: tuple[Activation, ...]
) -> None:
    for activation in activations:
        if activation not in ACTIVATIONS.values():
            name = getattr(activation, "__name__", repr(activation))
            raise ValueError(
                f"{where}: cell is an {type(cell).__name__} with the activation "
                f"{name}; expected {', '.join(ACTIVATIONS)}, those of Keras. If it is "
                "the same function, say so by passing that of jax.nn."
            )


def _weights(where: str, params: Params, *, use_bias: bool) -> list[Array]:
    w_ih, w_hh, b, inner, _ = split_biases(params)
    if isinstance(params, GRUParams):
        w_ih, w_hh, b, inner = (
            reorder(jnp.asarray(w), "rzn", "zrn") for w in (w_ih, w_hh, b, inner)
        )
        if params.b_hn is not None:
            b = jnp.stack([b, inner])
    if use_bias:
        return [w_ih, w_hh, b]
    check_zero(where, "a bias of params", b, "Make the layer with use_bias=True.")
    return [w_ih, w_hh]


__all__ = ["from_keras", "to_keras"]
