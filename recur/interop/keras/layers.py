"""What Keras layers hold: which cell they are, and the weights of it."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.interop._shared.gates import Params, TwoBiases, merge_biases, reorder
from recur.interop._shared.network import both_ways, cell_of, on_top
from recur.interop._shared.weights import as_weight, check_rank, take_weights
from recur.interop.keras.activations import ACTIVATIONS, OVER_UNITS, name_of
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from recur.types import Array, PyTree

MERGES = {"concat": "concatenate", "sum": "sum", "ave": "mean", "mul": "product"}
KINDS: dict[str, type[Params]] = {
    "LSTMCell": LSTMParams,
    "GRUCell": GRUParams,
    "SimpleRNNCell": ElmanParams,
}


def read_layer(where: str, keras: Any, layer: Any) -> tuple[Any, PyTree]:
    """Makes ``(cell, params)`` of one layer, or one cell; ``keras`` may be ``None``."""
    if keras is None or not isinstance(layer, keras.layers.Layer):
        raise TypeError(
            f"{where}: layers has {describe(layer)}; expected a recurrent layer of "
            "Keras, or a list of these."
        )
    if isinstance(layer, keras.layers.Bidirectional):
        forward, backward = layer.forward_layer, layer.backward_layer
        _check(where, "merge_mode", layer.merge_mode, (*MERGES,))
        _check(where, "go_backwards", forward.go_backwards, (False,))
        _check(where, "go_backwards", backward.go_backwards, (True,))
        pairs = [read_layer(where, keras, one.cell) for one in (forward, backward)]
        return both_ways(pairs[0], pairs[1], MERGES[layer.merge_mode])
    if isinstance(layer, keras.layers.RNN):
        # Of a direction this pair knows nothing: unroll has an argument for it.
        _check(where, "go_backwards", layer.go_backwards, (False,))
        return read_layer(where, keras, layer.cell)
    if isinstance(layer, keras.layers.StackedRNNCells):
        return on_top(where, [read_layer(where, keras, cell) for cell in layer.cells])
    return _from_cell(where, keras, layer)


def _from_cell(where: str, keras: Any, cell: Any) -> tuple[Any, Params]:
    kind = {getattr(keras.layers, name): k for name, k in KINDS.items()}.get(type(cell))
    if kind is None:
        raise TypeError(
            f"{where}: layers has {describe(cell)}; expected one of "
            f"{', '.join(KINDS)}, or a layer of it. Pass the recurrent layers of a "
            "model alone."
        )
    if not cell.built or not hasattr(cell, "recurrent_kernel"):
        raise ValueError(
            f"{where}: layers has {describe(cell)} without weights; expected a layer "
            "that is built. Call it once, or layer.build((None, None, input_size))."
        )
    after = getattr(cell, "reset_after", False)
    params = _params(where, kind, _arrays(where, keras, cell), reset_after=after)
    return _cell_of(where, keras, cell, params), params


def _cell_of(where: str, keras: Any, layer: Any, params: Params) -> Any:
    """Makes the cell that has the functions of a layer."""
    names = name_of(keras, layer.activation), "sigmoid"
    if isinstance(params, ElmanParams):
        known = ACTIVATIONS | OVER_UNITS
        _check(where, "activation", names[0], (*known,))
        return cell_of(params, activation=known[names[0]])
    names = names[0], name_of(keras, layer.recurrent_activation)
    for name, value in zip(("activation", "recurrent_activation"), names, strict=True):
        _check(where, name, value, (*ACTIVATIONS,))
    activation, gate = (ACTIVATIONS[name] for name in names)
    if names == ("tanh", "sigmoid"):
        return cell_of(params)
    options: dict[str, Any] = {"dtype": params.w_ih.dtype}
    hidden_size = params.w_hh.shape[0]
    if isinstance(params, LSTMParams):
        functions = gate, activation, activation
        return OnnxLSTM(hidden_size, activations=functions, **options)
    options["reset_after"] = params.b_hn is not None
    return OnnxGRU(hidden_size, activations=(gate, activation), **options)


def _check(where: str, name: str, value: Any, expected: tuple[Any, ...]) -> None:
    if value not in expected:
        raise ValueError(
            f"{where}: {name} of the layer is {value!r}; expected "
            f"{' or '.join(map(repr, expected))}, as our cells have no other. "
            f"{_REMEDIES[name]}"
        )


_OTHER_FUNCTION = (
    "Read a layer with the same weights and tanh, and give its params to an Elman, "
    "OnnxLSTM or OnnxGRU with the function written in JAX, or write the cell as a "
    "function: any step can be rolled."
)
_REMEDIES = {
    "merge_mode": "Pass forward_layer.cell and backward_layer.cell alone.",
    "go_backwards": "Pass layer.cell, and roll it with unroll(..., reverse=True), "
    "which keeps ys in the order of xs where Keras reverses them.",
    "activation": _OTHER_FUNCTION,
    "recurrent_activation": _OTHER_FUNCTION,
}


def _arrays(where: str, keras: Any, cell: Any) -> dict[str, Array]:
    """The variables of a cell; those of a JAX backend may be traced."""
    arrays = {}
    for name in ["kernel", "recurrent_kernel"] + ["bias"] * bool(cell.use_bias):
        value = getattr(cell, name).value
        if not isinstance(value, jax.Array):
            value = keras.ops.convert_to_numpy(value)
        arrays[name] = as_weight(where, name, value)
    return arrays


def _params(
    where: str, kind: type[Params], arrays: Mapping[str, Array], *, reset_after: bool
) -> Params:
    check_rank(where, "kernel", arrays["kernel"], 2)
    input_size, fused = arrays["kernel"].shape
    hidden_size = fused // {LSTMParams: 4, GRUParams: 3}.get(kind, 1)
    rows = (2,) if reset_after else ()
    shapes = {"kernel": (input_size, fused), "recurrent_kernel": (hidden_size, fused)}
    shapes |= {"bias": (*rows, fused)} if "bias" in arrays else {}
    arrays = take_weights(where, arrays, shapes)
    order = ("zrn", "rzn") if kind is GRUParams else ("", "")
    w_ih, w_hh = (reorder(arrays[name], *order) for name in (*shapes,)[:2])
    b = arrays.get("bias", jnp.zeros((*rows, fused), w_ih.dtype))
    b = reorder(b, *order)
    if reset_after:
        return merge_biases(kind, TwoBiases(w_ih, w_hh, b[0], b[1]))
    if kind is GRUParams:
        return GRUParams(w_ih, w_hh, b, None)
    return (LSTMParams if kind is LSTMParams else ElmanParams)(w_ih, w_hh, b)
