"""Haiku: ``hk.dynamic_unroll`` over its cores."""

from collections.abc import Callable
from typing import Any, ClassVar

import haiku as hk
import jax.numpy as jnp
import numpy as np

import recur
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Roll, Step
from benchmarks.workload.case import Layer

CORES = {"elman_relu": hk.VanillaRNN, "lstm": hk.LSTM, "gru_before": hk.GRU}


class Haiku(JaxPeer):
    """Gates as ``i, g, f, o``, 1 added to ``f``; the GRU as ``z, r, a``, z flipped."""

    name = "haiku"
    cells: ClassVar = {
        **dict.fromkeys(CORES),
        "elman": "Haiku's VanillaRNN is ReLU only; compare elman_relu",
        "gru": "Haiku's GRU resets before the product; compare gru_before",
    }

    def convert(self, layer: Layer, params: Any) -> Any:
        """Reorders and fuses the weights."""
        return _CONVERT[layer.cell](params)

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Orders them back."""
        return _RESTORE[layer.cell](weights)

    def step(self, layer: Layer) -> Step:
        """The core called once."""

        def step(weights: Any, carry: Any, x: Any) -> tuple[Any, Any]:
            apply = _pure(
                lambda x, carry: CORES[layer.cell](layer.hidden_size)(x, carry)
            )
            y, carry = apply(weights, x, _to_haiku(carry))
            return _from_haiku(carry), y

        return step

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """``hk.dynamic_unroll``."""

        def unroll(xs: Any, carry: Any) -> tuple[Any, Any]:
            core = CORES[layer.cell](layer.hidden_size)
            return hk.dynamic_unroll(core, xs, carry, reverse=reverse)

        def roll(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            ys, carry = _pure(unroll)(weights, xs, _to_haiku(carry))
            return _from_haiku(carry), ys

        return roll


def _pure(function: Callable[..., Any]) -> Callable[..., Any]:
    return hk.without_apply_rng(hk.transform(function)).apply


def _to_haiku(carry: Any) -> Any:
    if isinstance(carry, recur.LSTMCarry):
        return hk.LSTMState(hidden=carry.h, cell=carry.c)
    return carry


def _from_haiku(carry: Any) -> Any:
    if isinstance(carry, hk.LSTMState):
        return recur.LSTMCarry(h=carry.hidden, c=carry.cell)
    return carry


def _swap_middle(w: Any) -> Any:
    """Exchanges ``f`` and ``g``: its own inverse."""
    i, f, g, o = jnp.split(jnp.asarray(w), 4, -1)
    return jnp.concatenate([i, g, f, o], -1)


def _flip(w: Any) -> Any:
    """Exchanges ``r`` and ``z`` and negates ``z``."""
    r, z, n = jnp.split(jnp.asarray(w), 3, -1)
    return jnp.concatenate([-z, r, n], -1)


def _flip_back(w: Any) -> Any:
    z, r, n = jnp.split(w, 3, -1)
    return jnp.concatenate([r, -z, n], -1)


def _convert_lstm(params: recur.LSTMParams) -> Any:
    joined = jnp.concatenate([params.w_ih, params.w_hh])
    b_i, b_f, b_g, b_o = np.split(np.asarray(params.b), 4)
    # The core adds 1 to f when it runs.
    b = jnp.concatenate([b_i, b_g, b_f - np.ones_like(b_f), b_o])
    return {"lstm/linear": {"w": _swap_middle(joined), "b": b}}


def _restore_lstm(weights: Any) -> recur.LSTMParams:
    w, b = weights["lstm/linear"]["w"], weights["lstm/linear"]["b"]
    w_ih, w_hh = jnp.split(_swap_middle(w), [w.shape[0] - w.shape[1] // 4])
    return recur.LSTMParams(w_ih, w_hh, _swap_middle(b))


def _convert_gru(params: recur.GRUParams) -> Any:
    names = {"w_i": params.w_ih, "w_h": params.w_hh, "b": params.b}
    return {"gru": {name: _flip(w) for name, w in names.items()}}


def _restore_gru(weights: Any) -> recur.GRUParams:
    w_i, w_h, b = (_flip_back(weights["gru"][name]) for name in ("w_i", "w_h", "b"))
    return recur.GRUParams(w_i, w_h, b, None)


def _convert_elman(params: recur.ElmanParams) -> Any:
    inputs = {"w": params.w_ih, "b": params.b}
    hidden = {"w": params.w_hh, "b": np.zeros_like(params.b)}
    return {"vanilla_rnn/linear": inputs, "vanilla_rnn/linear_1": hidden}


def _restore_elman(weights: Any) -> recur.ElmanParams:
    inputs, hidden = weights["vanilla_rnn/linear"], weights["vanilla_rnn/linear_1"]
    return recur.ElmanParams(inputs["w"], hidden["w"], inputs["b"])


_CONVERT = {
    "elman_relu": _convert_elman,
    "lstm": _convert_lstm,
    "gru_before": _convert_gru,
}
_RESTORE = {
    "elman_relu": _restore_elman,
    "lstm": _restore_lstm,
    "gru_before": _restore_gru,
}

PEER = Haiku()
