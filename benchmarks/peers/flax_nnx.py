"""Flax NNX: ``nnx.RNN`` over its cells."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
from flax import nnx

import recur
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Roll, Step
from benchmarks.workload.case import Layer

CELLS = {
    "elman": nnx.SimpleCell,
    "elman_relu": nnx.SimpleCell,
    "lstm": nnx.OptimizedLSTMCell,
}


class FlaxNNX(JaxPeer):
    """Gates fused as ours; the bias of the LSTM is on the recurrent side."""

    name = "nnx"
    cells: ClassVar = {
        **dict.fromkeys(CELLS),
        "gru": "the GRU of NNX has no bias inside the reset product",
        "gru_before": "NNX has no GRU that resets before the product",
    }
    takes_lengths = True

    def convert(self, layer: Layer, params: Any) -> Any:
        """Names the weights; where the bias belongs differs by cell."""
        inputs, hidden = {"kernel": params.w_ih}, {"kernel": params.w_hh}
        (hidden if layer.cell == "lstm" else inputs)["bias"] = params.b
        return {"dense_i": inputs, "dense_h": hidden}

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Names them back."""
        inputs, hidden = weights["dense_i"], weights["dense_h"]
        if layer.cell == "lstm":
            return recur.LSTMParams(inputs["kernel"], hidden["kernel"], hidden["bias"])
        return recur.ElmanParams(inputs["kernel"], hidden["kernel"], inputs["bias"])

    def step(self, layer: Layer) -> Step:
        """The cell called once."""
        build = _builder(lambda: _cell(layer))

        def step(weights: Any, carry: Any, x: Any) -> tuple[Any, Any]:
            carry, y = build(weights)(_swap(carry), x)
            return _swap_back(carry), y

        return step

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """``nnx.RNN``, which takes lengths and keeps the order by itself."""

        def make() -> nnx.RNN:
            return nnx.RNN(
                _cell(layer),
                time_major=True,
                return_carry=True,
                reverse=reverse,
                keep_order=True,
                rngs=False,  # Nothing is drawn: the first carry is given.
            )

        build = _builder(make)

        def roll(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            rnn = build({"cell": weights})
            carry, ys = rnn(xs, initial_carry=_swap(carry), seq_lengths=lengths)
            return _swap_back(carry), ys

        return roll


def _cell(layer: Layer) -> Any:
    options: dict[str, Any] = {"dtype": layer.dtype, "param_dtype": layer.dtype}
    # The weights are ours; Flax's own orthogonal draw has no bfloat16 in newer JAX.
    options["recurrent_kernel_init"] = jax.nn.initializers.zeros
    if layer.cell == "elman_relu":
        options["activation_fn"] = jax.nn.relu
    kind, sizes = CELLS[layer.cell], (layer.input_size, layer.hidden_size)
    return kind(*sizes, **options, rngs=nnx.Rngs(0))


def _builder(make: Callable[[], Any]) -> Callable[[Any], Any]:
    """Gives a function from weights to a module that holds them."""

    def build(weights: Any) -> Any:
        graph, state = nnx.split(nnx.eval_shape(make))
        nnx.replace_by_pure_dict(state, weights)
        return nnx.merge(graph, state)

    return build


def _swap(carry: Any) -> Any:
    return (carry.c, carry.h) if isinstance(carry, recur.LSTMCarry) else carry


def _swap_back(carry: Any) -> Any:
    return recur.LSTMCarry(c=carry[0], h=carry[1]) if type(carry) is tuple else carry


PEER = FlaxNNX()
