"""Masks, mesh axes and refusals of NNX modules."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.flax.data import (
    CELLS,
    FAST,
    ROWS,
    SIZE,
    XS,
    unrolled,
)
from tests.support.draw import assert_close

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import nnx

from recur.nnx import RNN, Carry, Cell
from recur.nnx.variables import values
from tests.nnx.test_nnx import layer_of, rnn_of

LSTM = CELLS["lstm"]


DROPPED = recur.Dropout(recur.LSTM(16, **FAST), 0.25)


@pytest.mark.parametrize("make", [layer_of, rnn_of])
def test_masks(make):
    module = make(DROPPED)
    call = nnx.jit(lambda module, xs: module(xs))
    training, other = call(module, XS), call(module, XS)
    module.eval()
    evaluation = call(module, XS)
    assert_close(evaluation, unrolled(DROPPED, values(module.cell.params))[1])
    dropped = training == 0
    assert 0.1 < dropped.mean() < 0.4
    assert (np.asarray(dropped) != np.asarray(other == 0)).any()
    assert (np.asarray(dropped[:, 0]) != np.asarray(dropped[:, 1])).any()
    assert_close(training, jnp.where(dropped, 0.0, evaluation / 0.75))


def test_rngs_of_a_call():
    layer = layer_of(DROPPED)
    first, again = (layer(XS, rngs=nnx.Rngs(dropout=3)) for _ in range(2))
    assert_close(first, again)
    assert_close(layer(XS, deterministic=True), layer.eval() or layer(XS))


def test_no_stream_where_nothing_is_drawn():
    layer = RNN(CELLS["stack"], SIZE, rngs=nnx.Rngs(params=0))
    assert not jax.tree.leaves(nnx.state(layer, nnx.RngState))
    with pytest.raises(AttributeError, match="dropout"):
        RNN(DROPPED, SIZE, rngs=nnx.Rngs(params=0))


@pytest.mark.slow
def test_sharding_metadata():
    axes = {"w_ih": (None, "model"), "h": ("data", None)}
    mesh = jax.make_mesh((1, 1), ("data", "model"), axis_types=AUTO)
    with jax.set_mesh(mesh):
        layer = RNN(LSTM, SIZE, batch_shape=(ROWS,), partitioning=axes, rngs=RNGS())
        specs, spec = (
            nnx.get_partition_spec(nnx.state(layer)),
            jax.sharding.PartitionSpec,
        )
        assert layer.cell.params.w_ih[...].sharding.spec == spec(None, "model")
        ys = nnx.jit(lambda layer, xs: layer(xs))(layer, XS)
    assert specs.cell.params.w_ih.get_value() == spec(None, "model")
    assert specs.carry.h.get_value() == spec("data", None)
    assert_close(ys, unrolled(LSTM, values(layer.cell.params))[1])


AUTO, RNGS = (jax.sharding.AxisType.Auto,) * 2, lambda: nnx.Rngs(0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cell(recur.Bidirectional(LSTM), 3, rngs=RNGS()), "without step"),
        (lambda: RNN(nnx.LSTMCell, 3, rngs=RNGS()), "nnx.RNN: .* without init;"),
    ],
)
def test_refuses_what_is_no_cell(make, words):
    with pytest.raises(TypeError, match=words):
        make()


def test_refuses_inputs():
    layer = layer_of(LSTM)
    with pytest.raises(ValueError, match="keep_order is False"):
        layer(XS, keep_order=False)
    with pytest.raises(ValueError, match=r"expected an array \[\*batch, T, I\]"):
        layer(XS[0, 0])
    with pytest.raises(ValueError, match=r"no carry is kept; .* batch_shape=\(32,\)"):
        layer.reset_carry()
    with pytest.raises(ValueError, match="names w; expected some of b, c, h"):
        RNN(LSTM, SIZE, rngs=RNGS(), partitioning={"w": (None,)})


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["linen", "nnx"])
def test_says_how_to_get_flax(name):
    script = f"import sys; sys.modules['flax'] = None; import recur.{name}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'Install it with pip install "recur-jax[flax]"' in ran.stderr


def test_integers_as_in_flax():
    rnn, xs = rnn_of(LSTM), jnp.arange(36).reshape(XS.shape) % 3
    assert_close(rnn(xs), rnn(xs.astype(float)))


def test_carry_is_a_kind_of_variable():
    state = nnx.state(layer_of(LSTM, batch_shape=(ROWS,)), Carry)
    assert jax.tree.map(jnp.shape, nnx.to_pure_dict(state)) == {
        "carry": {"h": (ROWS, 4), "c": (ROWS, 4)}
    }
