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
