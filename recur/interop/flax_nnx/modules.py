"""What NNX modules hold: which cell they are, and the weights of it."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.interop._shared.gates import Params, TwoBiases, merge_biases
from recur.interop._shared.network import both_ways, cell_of
from recur.interop._shared.weights import Weight, as_weight, check_rank, take_weights
from recur.types import PyTree


def read_module(where: str, nnx: Any, module: Any) -> tuple[Any, PyTree]:
    """Makes ``(cell, params)`` of one module; ``nnx`` may be ``None``."""
    if nnx is None or not isinstance(module, nnx.Module):
        raise TypeError(
            f"{where}: modules has {describe(module)}; expected a cell of flax.nnx, an "
            "nnx.RNN or nnx.Bidirectional, or a sequence of these."
        )
    if isinstance(module, nnx.Bidirectional):
        _check(where, "merge_fn", module.merge_fn.__name__ == "_concatenate")
        forward = read_module(where, nnx, module.forward_rnn)
        return both_ways(forward, read_module(where, nnx, module.backward_rnn))
    if isinstance(module, nnx.RNN):
        # Of a direction this pair knows nothing: unroll has an argument for it.
        _check(where, "reverse", not module.reverse)
        return read_module(where, nnx, module.cell)
    params = _from_cell(where, nnx, module)
    activation = getattr(module, "activation_fn", jnp.tanh)
    return cell_of(params, activation=activation), params


def _from_cell(where: str, nnx: Any, module: Any) -> Params:
    kinds = {
        nnx.LSTMCell: LSTMParams,
        nnx.OptimizedLSTMCell: LSTMParams,
        nnx.GRUCell: GRUParams,
        nnx.SimpleCell: ElmanParams,
    }
    if type(module) not in kinds:
        raise TypeError(
            f"{where}: modules has {describe(module)}; expected one of "
            f"{', '.join(kind.__name__ for kind in kinds)}. Pass the cells inside."
        )
    kind = kinds[type(module)]
    if kind is ElmanParams:
        _check(where, "residual", not module.residual)
    else:
        _check(where, "gate_fn", module.gate_fn is nnx.sigmoid)
        _check(where, "activation_fn", module.activation_fn is nnx.tanh)
    return _params(where, kind, _dense_layers(nnx, module))


def _check(where: str, name: str, fits: bool) -> None:
    if not fits:
        raise ValueError(
            f"{where}: {name} of the module is not the one by default; expected that, "
            f"as our cell has no other. {_REMEDIES[name]}"
        )


_REMEDIES = {
    "merge_fn": "Pass forward_rnn and backward_rnn alone, and merge what they give.",
    "reverse": "Pass module.cell, and roll it with unroll(..., reverse=True).",
    "residual": "Make the module without, and add the identity to its dense_h.kernel.",
    "gate_fn": "Write the cell as a function: any step can be rolled.",
    "activation_fn": "Write the cell as a function: any step can be rolled.",
}


def _dense_layers(nnx: Any, module: Any) -> dict[str, Any]:
    """Kernels and biases of both sides, ``None`` where there is no bias."""
    if not isinstance(module, nnx.LSTMCell):
        layers = {"i": [module.dense_i], "h": [module.dense_h]}
    else:
        layers = {"i": [module.ii, module.if_, module.ig, module.io]}
        layers["h"] = [module.hi, module.hf, module.hg, module.ho]
    return {
        f"{side}.{leaf}": _fused([getattr(layer, leaf) for layer in dense])
        for side, dense in layers.items()
        for leaf in ("kernel", "bias")
    }


def _fused(gates: Sequence[Any]) -> Weight | None:
    if gates[0] is None:
        return None
    values = [as_weight("from_nnx", "weights", gate[...]) for gate in gates]
    return values[0] if len(values) == 1 else jnp.concatenate(values, axis=-1)


def _params(where: str, kind: type[Params], layers: dict[str, Any]) -> Params:
    arrays = {name: w for name, w in layers.items() if w is not None}
    check_rank(where, "i.kernel", arrays["i.kernel"], 2)
    check_rank(where, "h.kernel", arrays["h.kernel"], 2)
    fused = arrays["h.kernel"].shape[0] * {LSTMParams: 4, GRUParams: 3}.get(kind, 1)
    shapes = {name: (*w.shape[:-1], fused) for name, w in arrays.items()}
    arrays = take_weights(where, arrays, shapes)
    zeros = jnp.zeros_like(arrays["i.kernel"][0])
    biases = (arrays.get(f"{side}.bias", zeros) for side in "ih")
    return merge_biases(
        kind, TwoBiases(arrays["i.kernel"], arrays["h.kernel"], *biases)
    )
