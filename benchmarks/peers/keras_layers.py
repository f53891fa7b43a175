"""Keras 3 on its JAX backend: recurrent layers, called without state of their own."""

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax.numpy as jnp
import keras
import numpy as np

import recur
from benchmarks.measure.device import Device
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Roll, Step
from benchmarks.workload.case import Case, Layer
from benchmarks.workload.cells import CELLS

if keras.backend.backend() != "jax":
    raise ImportError(
        f"Keras runs on {keras.backend.backend()} here; set KERAS_BACKEND=jax"
    )

OPTIONS: dict[str, Any] = {
    "elman": {},
    "elman_relu": {"activation": "relu"},
    "lstm": {},
    "gru": {"reset_after": True},
    "gru_before": {"reset_after": False},
}


class Keras(JaxPeer):
    """Batch-major; the GRU as ``z, r, h``, with two biases if it resets after."""

    name = "keras"
    cells = dict.fromkeys(CELLS)
    takes_lengths = True
    time_major = False

    def refuses(self, case: Case, device: Device) -> str | None:
        """Refuses float64, in which its activations are still in float32."""
        if case.dtype == "float64":
            return "the activations of Keras are in float32 even in a float64 layer"
        return super().refuses(case, device)

    def convert(self, layer: Layer, params: Any) -> Any:
        """Gives the list of variables: kernel, recurrent kernel, bias."""
        if not isinstance(params, recur.GRUParams):
            return [params.w_ih, params.w_hh, params.b]
        weights = [_exchange(w) for w in (params.w_ih, params.w_hh, params.b)]
        if params.b_hn is not None:
            second = np.zeros_like(np.asarray(params.b))
            second[2 * layer.hidden_size :] = params.b_hn
            weights[2] = jnp.stack([weights[2], second])
        return weights

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Turns the list back into params."""
        if layer.cell == "lstm":
            return recur.LSTMParams(*weights)
        if layer.cell in ("elman", "elman_relu"):
            return recur.ElmanParams(*weights)
        w_ih, w_hh = map(_exchange, weights[:2])
        if layer.cell == "gru_before":
            return recur.GRUParams(w_ih, w_hh, _exchange(weights[2]), None)
        first, second = weights[2]
        b_hn = second[2 * layer.hidden_size :]
        return recur.GRUParams(w_ih, w_hh, _exchange(first), b_hn)

    def step(self, layer: Layer) -> Step:
        """The cell of the layer, called once."""
        cell = _build(layer).cell
        rest = [v.value for v in cell.non_trainable_variables]

        def step(weights: Any, carry: Any, x: Any) -> tuple[Any, Any]:
            (y, state), _ = cell.stateless_call(weights, rest, x, _states(carry))
            return _carry(state), y

        return step

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """The layer; walking backwards it also gives its outputs in that order."""
        rnn = _build(layer, go_backwards=reverse)
        rest = [v.value for v in rnn.non_trainable_variables]

        def roll(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            mask = None if lengths is None else _mask(lengths, xs.shape[1])
            options = {"initial_state": _states(carry), "mask": mask}
            (ys, *state), _ = rnn.stateless_call(weights, rest, xs, **options)
            return _carry(state), jnp.flip(ys, 1) if reverse else ys

        return roll


def _build(layer: Layer, **options: Any) -> Any:
    kinds = {"elman": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM}
    kind = kinds.get(layer.cell.removesuffix("_relu"), keras.layers.GRU)
    rnn = kind(
        layer.hidden_size,
        dtype=layer.dtype,
        return_sequences=True,
        return_state=True,
        zero_output_for_mask=True,
        # Weights are given; its own could not be drawn in bfloat16.
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        **OPTIONS[layer.cell],
        **options,
    )
    rnn.build((None, None, layer.input_size))
    return rnn


def _mask(lengths: Any, steps: int) -> Any:
    return jnp.arange(steps) < lengths[:, None]


def _states(carry: Any) -> list[Any]:
    return list(carry) if isinstance(carry, recur.LSTMCarry) else [carry]


def _carry(state: Any) -> Any:
    return recur.LSTMCarry(*state) if len(state) == 2 else state[0]


def _exchange(w: Any) -> Any:
    """Exchanges ``r`` and ``z``: its own inverse."""
    r, z, n = jnp.split(jnp.asarray(w), 3, -1)
    return jnp.concatenate([z, r, n], -1)


PEER = Keras()
