"""Keras layers and ours: the same outputs, states and gradients, both directions."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Bidirectional, Elman, LSTMCarry, Stack
from recur.interop.keras import from_keras, to_keras
from tests.contract.data import quickly
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_params,
    roll,
    rolled,
    sequence,
)

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason="keras is not installed")
if keras.backend.backend() != "jax":
    pytest.skip("keras runs on another backend", allow_module_level=True)


# Every weight is set; to draw it before would be compiled first.
UNDRAWN = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}


def L(name, *args, **options):
    """A layer that returns everything."""
    states = {"return_sequences": True, "return_state": True}
    states = {} if name.endswith("Cell") else states
    return getattr(keras.layers, name)(*args, **UNDRAWN, **states, **options)


LAYERS = {
    "lstm": lambda: L("LSTM", 4, dropout=0.5),
    "gru-after": lambda: L("GRU", 4),
    "gru-before": lambda: L("GRU", 4, reset_after=False),
    "simple": lambda: L("SimpleRNN", 4, activation="relu"),
    "rnn-of-cells": lambda: keras.layers.RNN(
        [L("LSTMCell", 3), L("GRUCell", 2)], return_sequences=True
    ),
    "both-ways": lambda: keras.layers.Bidirectional(
        L("GRU", 3, use_bias=False), merge_mode="ave"
    ),
    "both-ways-lstm": lambda: keras.layers.Bidirectional(
        L("LSTM", 3), backward_layer=L("LSTM", 3, go_backwards=True, use_bias=False)
    ),
}


def built(layer, input_size):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        layer.build((None, None, input_size))
    drawn = [sequence(*w.shape, seed=n) for n, w in enumerate(layer.weights)]
    layer.set_weights(drawn)
    return layer


def called(layer, xs, **options):
    """What a layer gives, as one program that is quick to compile."""

    def call(values, xs):
        rest = [v.value for v in layer.non_trainable_variables]
        return layer.stateless_call(values, rest, xs, training=False, **options)[0]

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        values = [jnp.asarray(v.value) for v in layer.trainable_variables]
        return quickly(call)(values, xs)


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_states_and_gradients_are_those_of_the_layer(name):
    layer, xs = built(LAYERS[name](), 3), jnp.asarray(sequence(2, 5, 3))
    trained, others = layer.trainable_variables, layer.non_trainable_variables
    values = [jnp.asarray(v.value) for v in trained]

    def theirs(values, xs):
        rest = [v.value for v in others]
        outputs, _ = layer.stateless_call(values, rest, xs, training=False)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        return loss_of(outputs), outputs

    def ours(values, xs):
        mapping = list(zip(trained, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            network = from_keras(layer)
        ys, last = roll(network, xs.swapaxes(0, 1))
        states = [] if isinstance(network[0], Stack) else jax.tree.leaves(last)
        outputs = [ys.swapaxes(0, 1), *states]
        return loss_of(outputs), outputs

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        each = [quickly(jax.grad(f, (0, 1), has_aux=True)) for f in (ours, theirs)]
        assert_close(*(f(values, xs) for f in each))


CELLS = [
    (LSTM(4), lambda: [L("LSTM", 4)]),
    (GRU(3), lambda: [L("GRU", 3)]),
    (GRU(3, reset_after=False), lambda: [L("GRU", 3, reset_after=False)]),
    (
        Stack((Bidirectional(Elman(3), merge="product"), LSTM(2))),
        lambda: [
            keras.layers.Bidirectional(
                keras.layers.SimpleRNN(3, return_sequences=True, **UNDRAWN),
                merge_mode="mul",
            ),
            keras.layers.LSTM(2, return_sequences=True, **UNDRAWN),
        ],
    ),
]


def test_stacked_cells_go_both_ways_and_round_trips_are_exact():
    cells = keras.layers.RNN([L("LSTMCell", 3), L("GRUCell", 2)], return_sequences=True)
    layers = [built(keras.layers.Bidirectional(cells), 2), built(L("LSTM", 3), 4)]
    cell, params = from_keras(layers)
    expected = [np.asarray(w.value) for layer in layers for w in layer.weights]
    for ours, theirs in zip(to_keras(cell, params), expected, strict=True):
        np.testing.assert_allclose(ours.sum(0), theirs.sum(0), atol=1e-6)
    for layer, one, p in zip(layers, cell.cells, params, strict=True):
        layer.set_weights(to_keras(one, p))
    assert from_keras(layers)[0] == cell
    assert_same(from_keras(layers)[1], params)
    xs = sequence(4, 3, 2)
    ys = called(layers[0], xs.swapaxes(0, 1)).swapaxes(0, 1)
    assert_close(rolled((cell.cells[0], params[0]), xs)[0], ys)


@pytest.mark.parametrize(("cell", "layers"), CELLS)
def test_layers_made_of_ours_agree_and_round_trips_are_exact(cell, layers):
    params, xs = random_params(cell, 2), sequence(4, 3, 2)
    layers, size = layers(), 2
    for layer in layers:
        built(layer, size)
        size = 3
    model = layers[0]
    if len(layers) > 1:
        model = keras.Sequential([keras.Input((None, 2)), *layers])
    model.set_weights(to_keras(cell, params))
    found, back = from_keras(model)
    assert found == cell
    assert_same(back, params)
    ys = called(model, xs.swapaxes(0, 1))
    ys = ys[0] if isinstance(ys, (tuple, list)) else ys
    assert_close(rolled((cell, params), xs)[0].swapaxes(0, 1), ys)
    assert_same(from_keras(layers)[1], params)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_precision_goes_through_unrounded(dtype, x64):
    cell = GRU(3, dtype=dtype)
    params = random_params(cell, 2)
    layer = keras.layers.GRU(3, dtype=dtype, **UNDRAWN)
    layer.build((None, None, 2))
    layer.set_weights(to_keras(cell, params))
    found, back = from_keras(layer)
    assert found == cell
    assert_same(back, params)


def test_the_carry_is_the_states_of_the_layer():
    layer, xs = built(L("LSTM", 3), 2), sequence(2, 4, 2)
    cell, params = from_keras(layer)
    states = [sequence(2, 3, seed=n) for n in (1, 2)]
    ys, *last = called(layer, xs, initial_state=states)
    ours = rolled((cell, params), xs.swapaxes(0, 1), LSTMCarry(*states))
    assert_close(ours, (ys.swapaxes(0, 1), LSTMCarry(*last)))


def test_without_biases_they_must_be_zero():
    params = random_params(GRU(3), 2)
    with pytest.raises(ValueError, match="is not zero"):
        to_keras(GRU(3), params, use_bias=False)
    params = params._replace(b=0 * params.b, b_hn=0 * params.b_hn)
    weights = to_keras(GRU(3), params, use_bias=False)
    assert [w.shape for w in weights] == [(2, 9), (3, 9)]


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (lambda: 3, TypeError, "int 3"),
        (lambda: [], ValueError, "from_keras: there are no layers"),
        (lambda: keras.layers.Dense(2), TypeError, "a Dense"),
        (lambda: keras.layers.LSTM(2), ValueError, "without weights"),
        (lambda: keras.layers.LSTM(2, activation="relu"), ValueError, "'relu'"),
        (
            lambda: keras.layers.GRU(2, recurrent_activation="hard_sigmoid"),
            ValueError,
            "recurrent_activation of the layer is 'hard_sigmoid'",
        ),
        (lambda: keras.layers.SimpleRNN(2, activation="gelu"), ValueError, "gelu"),
        (lambda: keras.layers.GRU(2, go_backwards=True), ValueError, "reverse=True"),
        (
            lambda: keras.layers.Bidirectional(keras.layers.GRU(2), merge_mode=None),
            ValueError,
            "merge_mode of the layer is None",
        ),
    ],
)
def test_what_has_no_equal_here_is_refused(layer, error, message):
    with pytest.raises(error, match=message):
        from_keras(layer())


@pytest.mark.parametrize(
    "cell",
    [
        LSTM(3, projection_size=2),
        LSTM(3, peephole=True),
        Elman(3, activation=jnp.sin),
        recur.LayerNormGRU(3),
    ],
)
def test_what_keras_lacks_is_refused(cell):
    with pytest.raises((TypeError, ValueError), match="to_keras: cell"):
        to_keras(cell, random_params(cell, 2))


@pytest.mark.parametrize("name", ["linear", "softplus", "softsign", "silu", "selu"])
def test_activations_are_those_of_keras(name):
    layer = built(L("SimpleRNN", 4, activation=name), 2)
    cell, params = from_keras(layer)
    x, h = sequence(3, 2), sequence(3, 4, seed=1)
    _, y = cell.step(params, jnp.asarray(h), x)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        assert_close(y, np.asarray(layer.cell(x, [h])[0]))
