"""Linen cells and ours: the same outputs and gradients, both directions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Bidirectional, Elman, LSTMCarry, Stack
from recur.interop.flax_linen import from_linen, to_linen
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_carry,
    random_params,
    roll,
    sequence,
)
from tests.support.draw import quickly

nn = pytest.importorskip("flax.linen", reason="flax is not installed")

NETWORKS = {
    "lstm": lambda: nn.RNN(nn.OptimizedLSTMCell(4)),
    "gru-both-ways": lambda: nn.Bidirectional(
        nn.RNN(nn.GRUCell(3)), nn.RNN(nn.GRUCell(2))
    ),
    "simple": lambda: nn.RNN(nn.SimpleCell(4, activation_fn=nn.relu)),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_those_of_the_network(name):
    network, xs = NETWORKS[name](), sequence(2, 5, 3)
    shapes = jax.eval_shape(network.init, jax.random.key(0), xs)
    params = jax.tree.map(lambda w: jnp.asarray(sequence(*w.shape)), shapes)

    def theirs(params, xs):
        ys = network.apply(params, xs)
        return loss_of(ys), ys

    def ours(params, xs):
        activation = jax.nn.relu if name == "simple" else jnp.tanh
        pair = from_linen(params, activation=activation)
        ys, _ = roll(pair, xs.swapaxes(0, 1))
        return loss_of(ys.swapaxes(0, 1)), ys.swapaxes(0, 1)

    each = [quickly(jax.grad(f, (0, 1), has_aux=True)) for f in (ours, theirs)]
    assert_close(*(f(params, xs) for f in each))


CELLS = [
    LSTM(4),
    GRU(3),
    Elman(4, activation=jax.nn.silu),
    Bidirectional(GRU(3), LSTM(2)),
    Stack((LSTM(4, dtype=jnp.bfloat16), Elman(3, dtype=jnp.bfloat16))),
]


@pytest.mark.parametrize("cell", CELLS)
def test_round_trips_are_exact(cell):
    params = random_params(cell, 2)
    found, back = from_linen(
        to_linen(cell, params), activation=getattr(cell, "activation", jnp.tanh)
    )
    assert found == cell
    assert_same(back, params)


def test_the_carry_of_a_cell_is_the_other_way_round():
    cell = LSTM(4)
    params, carry, x = random_params(cell, 2), random_carry(cell, 3), sequence(3, 2)
    last, y = nn.OptimizedLSTMCell(4).apply(to_linen(cell, params), carry[::-1], x)
    assert_close(cell.step(params, carry, x), (LSTMCarry(*last[::-1]), y))


def dense(*shape, bias=True):
    return {"kernel": sequence(*shape)} | (
        {"bias": sequence(shape[-1])} if bias else {}
    )


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        (3, TypeError, "int 3"),
        ({"params": {"cell": 3}}, TypeError, "int 3"),
        ({"i": 3, "h": dense(2, 2)}, TypeError, "int 3"),
        ({}, ValueError, "nothing"),
        ([], ValueError, "from_linen: there are no layers"),
        (
            {"GRUCell_0": {"in": {"kernel": 1}}, "Dense_0": {}},
            ValueError,
            "has Dense_0",
        ),
        ({"if": {}, "in": {}, "hf": {}, "hn": {}}, ValueError, "MGUCell"),
        ({"i": {}, "h": {}}, ValueError, "i.kernel is missing"),
        ({"i": dense(3, 2), "h": dense(2, 2)}, ValueError, "unknown h.bias"),
        ({"i": dense(3, 2), "h": dense(3, 2, bias=False)}, ValueError, "h.kernel is"),
        ({"i": dense(2), "h": dense(2, 2, bias=False)}, ValueError, "2 axes"),
        ({"i": {"kernel": np.ones((2, 2), int)}, "h": {}}, TypeError, "int64"),
    ],
)
def test_bad_params_are_refused(params, error, message):
    with pytest.raises(error, match=message):
        from_linen(params)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (GRU(3, reset_after=False), "reset_after=False"),
        (LSTM(3, coupled=True), "coupled"),
        (LSTM(3, projection_size=2), "projection_size=2"),
        (Bidirectional(LSTM(3), merge="sum"), "merge='sum'"),
        (Stack((Stack((LSTM(3),)),)), "a Stack"),
        (recur.LayerNormGRU(3), "a LayerNormGRU"),
    ],
)
def test_what_linen_lacks_is_refused(cell, message):
    with pytest.raises((TypeError, ValueError), match=message):
        to_linen(cell, random_params(cell, 2))
