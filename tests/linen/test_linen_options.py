"""Masks, initialisers, mesh axes and refusals of Linen modules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.flax.data import (
    CELLS,
    FAST,
    KEY,
    LENGTHS,
    ROWS,
    XS,
)
from tests.support.draw import assert_close, quickly

pytest.importorskip("flax", reason="the wrappers need Flax")

from flax import linen as nn
from flax.errors import InvalidRngError, ScopeParamShapeError

from recur.linen import RNN, Cell

TOP = recur.Dropout(recur.LSTM(16, **FAST), 0.25)
DROPPED = recur.Stack((recur.GRU(3, **FAST), TOP))


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    "module",
    [
        RNN(DROPPED),
        nn.RNN(Cell(DROPPED), split_rngs={"params": False, "dropout": True}),
    ],
)
def test_masks(module):
    variables = quickly(module.init)(KEY, XS)
    train = quickly(lambda key: module.apply(variables, XS, rngs={"dropout": key}))
    evaluation = module.apply(variables, XS)
    training, again, other = train(KEY), train(KEY), train(jax.random.key(1))
    assert_close(training, again)
    assert (np.asarray(training == 0) != np.asarray(other == 0)).any()
    dropped = training == 0
    assert 0.1 < dropped.mean() < 0.4
    assert (np.asarray(dropped[:, 0]) != np.asarray(dropped[:, 1])).any()
    assert_close(training, jnp.where(dropped, 0.0, evaluation / 0.75))


def test_deterministic():
    layer, rngs = RNN(DROPPED), {"dropout": KEY}
    variables = layer.init(KEY, XS)
    expected = layer.apply(variables, XS)
    ys = layer.apply(variables, XS, rngs=rngs, deterministic=True)
    assert_close(ys, expected)
    assert_close(RNN(DROPPED, deterministic=True).apply(variables, XS, rngs=rngs), ys)
    with pytest.raises(InvalidRngError):
        layer.apply(variables, XS, deterministic=False)
    plain = RNN(CELLS["stack"], deterministic=False)  # There is nothing to draw.
    plain.apply(plain.init(KEY, XS), XS)


def test_flax_initialisers():
    draw, ones = nn.initializers.constant(2.0), nn.initializers.ones
    layer = RNN(recur.LSTM(4, kernel_init=draw, recurrent_init=ones, bias_init=ones))
    params = layer.init(KEY, XS)["params"]["cell"]
    assert (params["w_ih"] == 2).all()
    assert (params["w_hh"] == 1).all()


def test_partitioning():
    names = {"w_ih": (None, "model"), "b": ("model",), "h": ("data", None)}
    layer = RNN(CELLS["lstm"], stateful=True, partitioning=names)
    variables = layer.init(KEY, XS)
    spec, axes = nn.get_partition_spec(variables), jax.sharding.PartitionSpec
    assert spec["params"]["cell"]["w_ih"] == axes(None, "model")
    assert spec["params"]["cell"]["w_hh"] == axes()
    assert spec["carry"]["cell"]["h"] == axes("data", None)
    ys, new = layer.apply(variables, XS, mutable=["carry"])
    assert nn.get_partition_spec(new)["carry"] == spec["carry"]
    assert_close(ys, layer.apply(nn.unbox(variables), XS, mutable=["carry"])[0])
    rnn = nn.RNN(Cell(CELLS["lstm"], partitioning={"w_ih": (None, "model")}))
    assert nn.get_partition_spec(rnn.init(KEY, XS))["params"] == {
        "cell": {"b": axes(), "w_hh": axes(), "w_ih": axes(None, "model")}
    }


def test_integers_as_in_flax():
    rnn = nn.RNN(Cell(CELLS["lstm"]))
    variables = rnn.init(KEY, XS)
    xs = jnp.arange(36).reshape(XS.shape) % 3
    assert_close(rnn.apply(variables, xs), rnn.apply(variables, xs.astype(float)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Cell(recur.Bidirectional(recur.LSTM(4))), "without step.*into RNN"),
        (lambda: Cell(nn.LSTMCell(4)), "LSTMCell without init_carry"),
        (lambda: RNN(4), r"int 4 without init; expected .* recur.LSTM\(64\)"),
        (lambda: RNN(recur.LSTM), "cell is the class LSTM; expected a cell made of"),
    ],
)
def test_refuses_what_is_no_cell(make, words):
    with pytest.raises(TypeError, match=words):
        make()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"xs": XS[0, 0]}, r"xs is float32\[3\]; expected an array \[\*batch, T, I\]"),
        ({"keep_order": False}, "keep_order is False; expected True"),
        ({"reset_rows": jnp.ones(ROWS)}, r"reset are float32\[2\]; expected bool\[2\]"),
        ({"reset_rows": jnp.ones(3, bool)}, r"are bool\[3\]; expected bool\[2\]"),
        ({"seq_lengths": LENGTHS + 1}, "seq_lengths has values from 5 to 7"),
    ],
)
def test_refuses_inputs(arguments, words):
    layer = RNN(CELLS["lstm"])
    with pytest.raises(ValueError, match=words):
        layer.apply(layer.init(KEY, XS), **({"xs": XS} | arguments))


def test_refuses_names_and_shapes_of_other_params():
    with pytest.raises(ValueError, match=r"partitioning names w; expected some of b,"):
        RNN(CELLS["lstm"], partitioning={"w": (None,)}).init(KEY, XS)
    for axes in ("model", ("data", "model")):
        with pytest.raises(ValueError, match=r"partitioning of b is .*; expected a t"):
            RNN(CELLS["lstm"], partitioning={"b": axes}).init(KEY, XS)
    variables = RNN(recur.LSTM(5)).init(KEY, XS)
    with pytest.raises(ScopeParamShapeError):
        RNN(CELLS["lstm"]).apply(variables, XS)
