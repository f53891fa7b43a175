"""Keras layers and ours: the same outputs, states and gradients, both directions."""

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Bidirectional, Elman, LSTMCarry, Stack
from recur.interop.keras import from_keras, to_keras
from recur.interop.keras.activations import ACTIVATIONS, OVER_UNITS
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_params,
    roll,
    rolled,
    sequence,
)
from tests.support.draw import quickly

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
    "lstm-free": lambda: L(
        "LSTM", 4, activation="elu", recurrent_activation="hard_sigmoid"
    ),
    "gru-free-before": lambda: L("GRU", 4, activation="gelu", reset_after=False),
    "gru-free-after": lambda: L("GRU", 4, recurrent_activation="softsign"),
    "simple-over-units": lambda: L("SimpleRNN", 4, activation="softmax"),
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


@pytest.mark.quick(1)
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


@pytest.mark.quick(2)
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


@pytest.mark.quick(1)
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
        (
            lambda: built(keras.layers.LSTM(2, activation="softmax"), 3),
            ValueError,
            "activation of the layer is 'softmax'",
        ),
        (
            lambda: built(keras.layers.GRU(2, recurrent_activation=jnp.sin), 3),
            ValueError,
            "recurrent_activation of the layer is .*sin.*any step can be rolled",
        ),
        (
            lambda: built(keras.layers.SimpleRNN(2, activation="threshold"), 3),
            ValueError,
            "threshold",
        ),
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
        OnnxLSTM(3, activations=(jax.nn.sigmoid, jax.nn.relu, jnp.tanh)),
        OnnxLSTM(3, activations=(jax.nn.sigmoid, jnp.sin, jnp.sin)),
        OnnxGRU(3, activations=(jax.nn.softmax, jnp.tanh)),
    ],
)
def test_what_keras_lacks_is_refused(cell):
    with pytest.raises((TypeError, ValueError), match="to_keras: cell"):
        to_keras(cell, random_params(cell, 2))


def test_activations_are_those_of_keras():
    ours = ACTIVATIONS | OVER_UNITS
    xs = jnp.asarray([[-7.3, -3.2, -1.7, -0.6, 0.0005], [0.4, 0.9, 1.8, 3.4, 6.7]])

    def both(functions):
        weighted = lambda f, x: jnp.sum(jnp.cos(x) * f(x))
        return {
            name: (f(xs), jax.grad(partial(weighted, f))(xs))
            for name, f in functions.items()
        }

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = {name: getattr(keras.activations, name) for name in ours}
        found, expected = (quickly(partial(both, f))() for f in (ours, theirs))
        assert_close(found, expected)


def tagger():
    """Layers as models have them around and between recurrent ones."""
    k, both = keras.layers, L("GRU", 2)
    both.return_state = False
    lstm = k.LSTM(4, activation="relu", return_sequences=True, **UNDRAWN)
    return [
        *(k.Embedding(9, 3, mask_zero=True), k.SpatialDropout1D(0.2)),
        *(lstm, k.Dropout(0.5), k.GaussianNoise(1.0), k.Activation("linear")),
        *(k.Bidirectional(both), k.LayerNormalization(), k.Dense(2)),
    ]


def chained(layers):
    inputs = x = keras.Input((5,), dtype="int32")
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


MODELS = {
    "sequential": lambda: keras.Sequential([keras.Input((5,)), *tagger()]),
    "functional": lambda: chained(tagger()),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", MODELS)
def test_the_recurrent_layers_of_whole_models(name):
    words = np.array([[1, 2, 3, 4, 5], [8, 7, 6, 0, 0]])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model = MODELS[name]()
        rng = np.random.default_rng(0)
        model.set_weights([0.5 * rng.normal(size=w.shape) for w in model.weights])
        cell, params = from_keras(model)
        start, *_, end = (
            layer
            for layer in model.layers
            if "mbedding" in layer.name or "idirectional" in layer.name
        )
        inside = keras.Model(model.inputs[0], [start.output, end.output])
        xs, expected = inside(words)
    lengths = jnp.array([5, 3])
    _, ys = recur.unroll(cell, params, None, xs, seq_lengths=lengths, time_major=False)
    # At padded steps Keras repeats what is at the last valid one.
    for row, n in enumerate(lengths):
        assert_close(ys[row, :n], expected[row, :n])
    assert from_keras(model)[0] == cell


def two_inputs():
    a, b = keras.Input((5, 3)), keras.Input((5, 3))
    return keras.Model([a, b], keras.layers.LSTM(2)(keras.layers.Add()([a, b])))


def from_a_state():
    x = keras.Input((5, 3))
    _, h = keras.layers.GRU(2, return_state=True)(x)
    return keras.Model(x, keras.layers.GRU(2)(keras.layers.RepeatVector(4)(h)))


def chain_of(*layers, **options):
    """A functional model whose second call has the options."""
    inputs = x = keras.Input((5, 3))
    for n, layer in enumerate(layers):
        x = layer(x, **(options if n == 1 else {}))
    return keras.Model(inputs, x)


def gru():
    return keras.layers.GRU(3, return_sequences=True, **UNDRAWN)


class Twice(keras.layers.Dropout):
    """A layer of a user, which is no identity in evaluation."""

    def call(self, inputs, training=None):
        return 2.0 * inputs


def called_twice():
    layer = gru()
    return chain_of(layer, keras.layers.Dropout(0.5), layer)


BROKEN = {
    "dropout in evaluation": (
        lambda: chain_of(gru(), keras.layers.Dropout(0.5), gru(), training=True),
        "is called with training=True",
    ),
    "a state of its own": (
        lambda: chain_of(gru(), gru(), initial_state=np.ones((2, 3), "float32")),
        "is called with an initial_state",
    ),
    "a layer twice": (called_twice, "'gru.*' is called twice"),
    "a subclass of dropout": (
        lambda: chain_of(gru(), Twice(0.5), gru()),
        "the Twice .* stands between",
    ),
    "a model inside": (
        lambda: chain_of(chain_of(gru()), gru()),
        "the Functional .* has recurrent layers inside",
    ),
    "a wrapper at the end": (
        lambda: keras.Sequential(
            [
                *(keras.Input((5, 3)), gru(), keras.layers.Reshape((5, 3, 1))),
                keras.layers.TimeDistributed(keras.layers.GRU(2, **UNDRAWN)),
            ]
        ),
        "the TimeDistributed .* has recurrent layers inside",
    ),
    "a dense layer between": (
        lambda: keras.Sequential(
            [
                *(keras.Input((5, 3)), keras.layers.GRU(2, return_sequences=True)),
                *(keras.layers.Dense(2), keras.layers.GRU(2)),
            ]
        ),
        "the Dense .* stands between recurrent layers",
    ),
    "only the last output": (
        lambda: keras.Sequential(
            [
                *(keras.Input((5, 3)), keras.layers.GRU(2, **UNDRAWN)),
                *(keras.layers.RepeatVector(4), keras.layers.GRU(2, **UNDRAWN)),
            ]
        ),
        "the RepeatVector .* stands between",
    ),
    "two inputs": (two_inputs, "are no chain in which each has one input"),
    "the state goes on": (from_a_state, "are no chain"),
    "nothing recurrent": (
        lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
        "there is no recurrent layer",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_models_of_which_no_stack_can_be_made_are_refused(name):
    make, message = BROKEN[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model = make()
    with pytest.raises(ValueError, match=message):
        from_keras(model)


def test_a_list_is_not_asked_for_sequences_and_weights_of_free_cells_go_back():
    layers = [built(keras.layers.LSTM(3, activation="relu", **UNDRAWN), 2)]
    layers += [keras.layers.Dropout(0.5), built(keras.layers.GRU(2, **UNDRAWN), 3)]
    for layer in (layers[0], layers[2]):
        layer.set_weights([sequence(*w.shape) for w in layer.weights])
    cell, params = from_keras(layers)
    written = to_keras(cell, params)
    expected = [np.asarray(w.value) for n in (0, 2) for w in layers[n].weights]
    for ours, theirs in zip(written[:5], expected[:5], strict=True):
        np.testing.assert_array_equal(ours, theirs)
