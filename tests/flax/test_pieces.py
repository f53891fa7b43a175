"""Layers that keep their carry: refused where the walk needs the whole; integers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import recur
import recur.linen
import recur.nnx
from recur.interop.onnx import Reversed

XS = jax.random.normal(jax.random.key(0), (2, 5, 3))
WHOLE = [
    (recur.Bidirectional(recur.GRU(4)), "Bidirectional"),
    (recur.Stack((recur.GRU(4), recur.Bidirectional(recur.GRU(4)))), "Bidirectional"),
    (recur.Readout(recur.Bidirectional(recur.GRU(4)), 2), "Bidirectional"),
    (Reversed(recur.GRU(4)), "Reversed"),
]


@pytest.mark.parametrize(("cell", "name"), WHOLE)
def test_what_needs_the_whole_sequence_keeps_no_carry(cell, name):
    name = f"{name}, which needs the whole sequence"
    layer = recur.linen.RNN(cell, stateful=True)
    with pytest.raises(ValueError, match=name):
        layer.init(jax.random.key(0), XS)
    with pytest.raises(ValueError, match=name):
        recur.nnx.RNN(cell, 3, batch_shape=(2,), rngs=nnx.Rngs(0))


def test_nor_does_a_walk_backwards():
    match = "reverse is True and the layer keeps its carry"
    with pytest.raises(ValueError, match=match):
        recur.linen.RNN(recur.GRU(4), stateful=True, reverse=True).init(
            jax.random.key(0), XS
        )
    layer = recur.nnx.RNN(recur.GRU(4), 3, batch_shape=(2,), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=match):
        layer(XS, reverse=True)


def test_integers_are_taken_as_flax_s_own_layers_take_them():
    whole = jnp.arange(30).reshape(2, 5, 3) % 7
    plain = recur.nnx.RNN(recur.LSTM(4), 3, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(plain(whole), plain(whole.astype(jnp.float32)))
    layer = recur.linen.RNN(recur.LSTM(4))
    ys, variables = layer.init_with_output(jax.random.key(0), whole)
    np.testing.assert_array_equal(ys, layer.apply(variables, whole.astype(jnp.float32)))
    inside = nn.RNN(recur.linen.Cell(recur.LSTM(4)))
    assert inside.init_with_output(jax.random.key(0), whole)[0].dtype == ys.dtype


def test_a_stateful_layer_names_its_batch():
    layer = recur.linen.RNN(recur.LSTM(4), stateful=True)
    variables = layer.init(jax.random.key(0), XS)
    with pytest.raises(ValueError, match=r"A stateful layer keeps its rows"):
        layer.apply(variables, XS[:1], mutable=["carry"])


def layers(cell):
    """A function for each kind of layer that calls it, and one that makes it."""
    linen = lambda **given: recur.linen.RNN(cell, **given)
    neural = lambda **given: recur.nnx.RNN(cell, 3, rngs=nnx.Rngs(0), **given)
    call = lambda **given: linen().init(jax.random.key(0), XS, **given)
    return [(call, linen), (lambda **given: neural()(XS, **given), neural)]


def test_an_option_that_is_none_is_told_its_name():
    (call, linen), (call_nnx, neural) = layers(recur.GRU(4))
    for called in (call, call_nnx):
        with pytest.raises(TypeError, match="Write initial_carry=carry"):
            called(carry=jnp.zeros((2, 4)))
        with pytest.raises(TypeError, match="lengths is no option; expected some of"):
            called(lengths=jnp.ones(2, int))
    with pytest.raises(TypeError, match=r'Write options=\{"remat": \.\.\.\}'):
        linen(remat="sqrt")
    with pytest.raises(TypeError, match="reverse is no option; expected some of"):
        linen(options={"reverse": True}).init(jax.random.key(0), XS)
    with pytest.raises(TypeError, match=r"stateful is .* Write batch_shape=\(32,\)"):
        neural(stateful=True)
    with pytest.raises(TypeError, match="Write each by itself, such as remat='sqrt'"):
        neural(options={"remat": "sqrt"})


def test_a_module_around_a_cell_is_told_to_give_the_cell():
    inside = recur.linen.Cell(recur.GRU(4)), recur.linen.RNN(recur.GRU(4))
    inside += (recur.nnx.Cell(recur.GRU(4), 3, rngs=nnx.Rngs(0)),)
    for module in inside:
        for _, make in layers(module):
            with pytest.raises(TypeError, match="the cell that it was made with"):
                make()
    with pytest.raises(TypeError, match="Put Flax's own cells into Flax's RNN"):
        recur.linen.RNN(nn.GRUCell(4))


@pytest.mark.parametrize("lengths", [[2, 7, 1], [2, 2, 1]], ids=["above", "within"])
def test_time_first_is_the_first_cause_named(lengths):
    xs = jnp.ones((7, 3, 3))
    layer = recur.nnx.RNN(recur.GRU(4), 3, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="is time first, say time_major=True; else"):
        layer(xs, seq_lengths=jnp.array(lengths))
    assert layer(xs, seq_lengths=jnp.array(lengths), time_major=True).shape[0] == 7
