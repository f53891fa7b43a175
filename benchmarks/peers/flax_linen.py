"""Flax Linen: ``nn.RNN`` over its cells."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

import recur
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Roll, Step
from benchmarks.workload.case import Layer

CELLS = {
    "elman": nn.SimpleCell,
    "elman_relu": nn.SimpleCell,
    "lstm": nn.OptimizedLSTMCell,
    "gru": nn.GRUCell,
}


class FlaxLinen(JaxPeer):
    """One dense layer a gate; the bias of the LSTM is on the recurrent side."""

    name = "flax"
    cells: ClassVar = {
        **dict.fromkeys(CELLS),
        "gru_before": "Flax has no GRU that resets before the product",
    }
    takes_lengths = True

    def convert(self, layer: Layer, params: Any) -> Any:
        """Cuts the fused axis into gates."""
        return {"params": _CONVERT[type(params)](params)}

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Joins the gates."""
        return _RESTORE[layer.cell](weights["params"])

    def step(self, layer: Layer) -> Step:
        """The cell applied once."""
        cell = _cell(layer)

        def step(weights: Any, carry: Any, x: Any) -> tuple[Any, Any]:
            carry, y = cell.apply(weights, _swap(carry), x)  # pyright: ignore[reportAssignmentType] -- Flax types apply as one value or a pair
            return _swap_back(carry), y

        return step

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """``nn.RNN``, which takes lengths and keeps the order by itself."""
        rnn = nn.RNN(
            _cell(layer),
            time_major=True,
            return_carry=True,
            reverse=reverse,
            keep_order=True,
        )

        def roll(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            named = {"params": {"cell": weights["params"]}}
            start = {"initial_carry": _swap(carry), "seq_lengths": lengths}
            carry, ys = rnn.apply(named, xs, **start)  # pyright: ignore[reportAssignmentType] -- as above
            return _swap_back(carry), ys

        return roll


def _cell(layer: Layer) -> Any:
    options: dict[str, Any] = {"dtype": layer.dtype, "param_dtype": layer.dtype}
    # The weights are ours; Flax's own orthogonal draw has no bfloat16 in newer JAX.
    options["recurrent_kernel_init"] = jax.nn.initializers.zeros
    if layer.cell == "elman_relu":
        options["activation_fn"] = nn.relu
    return CELLS[layer.cell](layer.hidden_size, **options)


def _swap(carry: Any) -> Any:
    return (carry.c, carry.h) if isinstance(carry, recur.LSTMCarry) else carry


def _swap_back(carry: Any) -> Any:
    return recur.LSTMCarry(c=carry[0], h=carry[1]) if type(carry) is tuple else carry


def _gates(w: jax.Array, names: str) -> dict[str, jax.Array]:
    return dict(zip(names, jnp.split(jnp.asarray(w), len(names), -1), strict=True))


def _convert_elman(params: recur.ElmanParams) -> dict[str, Any]:
    return {
        "i": {"kernel": params.w_ih, "bias": params.b},
        "h": {"kernel": params.w_hh},
    }


def _restore_elman(weights: Any) -> recur.ElmanParams:
    return recur.ElmanParams(
        weights["i"]["kernel"], weights["h"]["kernel"], weights["i"]["bias"]
    )


def _convert_lstm(params: recur.LSTMParams) -> dict[str, Any]:
    w_ih, w_hh, b = (_gates(w, "ifgo") for w in params[:3])
    inputs = {f"i{gate}": {"kernel": w} for gate, w in w_ih.items()}
    hidden = {f"h{gate}": {"kernel": w_hh[gate], "bias": b[gate]} for gate in b}
    return inputs | hidden


def _restore_lstm(weights: Any) -> recur.LSTMParams:
    def fuse(side: str, leaf: str) -> jax.Array:
        return jnp.concatenate([weights[f"{side}{gate}"][leaf] for gate in "ifgo"], -1)

    return recur.LSTMParams(fuse("i", "kernel"), fuse("h", "kernel"), fuse("h", "bias"))


def _convert_gru(params: recur.GRUParams) -> dict[str, Any]:
    w_ih, w_hh, b = (_gates(w, "rzn") for w in params[:3])
    inputs = {f"i{gate}": {"kernel": w_ih[gate], "bias": b[gate]} for gate in b}
    hidden = {f"h{gate}": {"kernel": w_hh[gate]} for gate in b}
    hidden["hn"]["bias"] = jnp.asarray(params.b_hn)
    return inputs | hidden


def _restore_gru(weights: Any) -> recur.GRUParams:
    def fuse(side: str, leaf: str) -> jax.Array:
        return jnp.concatenate([weights[f"{side}{gate}"][leaf] for gate in "rzn"], -1)

    w_ih, w_hh, b = fuse("i", "kernel"), fuse("h", "kernel"), fuse("i", "bias")
    return recur.GRUParams(w_ih, w_hh, b, weights["hn"]["bias"])


_CONVERT = {
    recur.ElmanParams: _convert_elman,
    recur.LSTMParams: _convert_lstm,
    recur.GRUParams: _convert_gru,
}
_RESTORE = {
    "elman": _restore_elman,
    "elman_relu": _restore_elman,
    "lstm": _restore_lstm,
    "gru": _restore_gru,
}

PEER = FlaxLinen()
