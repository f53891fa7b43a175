"""Bidirectional layers: against torch's packed batches, and against two rolls."""

import importlib.util
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.cells.test_torch import golden, params_of
from tests.golden.make_torch import record_packed
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

MERGES = {
    "concatenate": lambda a, b: np.concatenate([a, b], -1),
    "sum": lambda a, b: a + b,
    "mean": lambda a, b: (a + b) / 2,
    "product": lambda a, b: a * b,
}
WEIGHTS = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
NAMES = [*WEIGHTS, *(f"{name}_reverse" for name in WEIGHTS), "x", "h0", "c0"]


def ours(data, compute):
    layer = recur.Bidirectional(recur.LSTM(data["h0"].shape[-1]))

    def roll(*args):
        params = recur.BidirectionalParams(
            params_of("lstm", *args[:4]), params_of("lstm", *args[4:8])
        )
        xs, h0, c0 = args[8:]
        carries = (recur.LSTMCarry(h0[n], c0[n]) for n in range(2))
        carry = recur.BidirectionalCarry(*carries)
        lengths = data["lengths"]
        last, ys = recur.unroll(layer, params, carry, xs, seq_lengths=lengths)
        hn, cn = (jnp.stack([getattr(side, n) for side in last]) for n in "hc")
        return {"ys": ys, "hn": hn, "cn": cn}

    def loss(*args):
        outputs = roll(*args)
        terms = [jnp.sum(data[f"weight/{name}"] * a) for name, a in outputs.items()]
        return sum(terms), outputs

    every = tuple(range(len(NAMES)))
    args = [jnp.asarray(data[name]) for name in NAMES]
    grads, outputs = compute(jax.grad(loss, every, has_aux=True))(*args)
    return outputs, dict(zip(NAMES, grads, strict=True))


def assert_equals_torch(data, compute=interpreted):
    outputs, grads = ours(data, compute)
    for name, value in outputs.items():
        np.testing.assert_allclose(value, data[name], atol=1e-6, err_msg=name)
    for name, value in grads.items():
        expected = data[f"grad/{name}"]
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(value, expected, atol=1e-5 * scale, err_msg=name)


def test_recorded_packed_batch():
    assert_equals_torch(golden("packed"), jax.jit)


@pytest.mark.quick(1)
@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
@pytest.mark.parametrize("seed", range(3))
def test_live_packed_batch(seed):
    lengths = np.random.default_rng(seed).integers(1, 20, 6).tolist()
    data = record_packed(input_size=4, hidden_size=7, lengths=lengths, seed=seed)
    assert_equals_torch(data)


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("reverse", [False, True])
def test_two_rolls_merged(merge, reverse):
    forward, backward = recur.LSTM(4), recur.GRU(4)
    layer = recur.Bidirectional(forward, backward, merge=merge)
    params = layer.init(jax.random.key(0), 3)
    carry = random_like(1, layer.init_carry((3,), params=params))
    xs = random_like(2, jnp.zeros((6, 3, 3)))
    lengths = jnp.array([6, 0, 4])
    time = {"seq_lengths": lengths, "reset": jnp.arange(18).reshape(6, 3) % 4 == 2}
    last, ys = recur.unroll(layer, params, carry, xs, reverse=reverse, **time)
    one, hs = recur.unroll(forward, params[0], carry[0], xs, reverse=reverse, **time)
    two, gs = recur.unroll(
        backward, params[1], carry[1], xs, reverse=not reverse, **time
    )
    assert_close(last, recur.BidirectionalCarry(one, two))
    np.testing.assert_allclose(ys, MERGES[merge](hs, gs), atol=1e-6)
    assert ys.shape[-1] == layer.output_size
    assert not np.asarray(ys)[4:, 2].any()


@pytest.mark.slow
def test_deep_bidirectional_stacks_with_everything():
    layer = recur.Stack(
        (
            recur.Bidirectional(recur.Dropout(recur.LSTM(4), 0.5)),
            recur.Bidirectional(recur.GRU(3), merge="sum"),
            recur.LSTM(2),
        )
    )
    params = layer.init(jax.random.key(0), 5)
    xs = random_like(2, jnp.zeros((6, 3, 5)))
    carry = layer.init_carry((3,), params=params)
    drawn = recur.draw_masks(layer, jax.random.key(1), params, xs)
    lengths = jnp.array([6, 1, 4])
    roll = partial(recur.unroll, layer, seq_lengths=lengths)
    last, ys = interpreted(roll)(drawn, carry, xs)
    spoiled = jnp.where(
        jnp.arange(6)[:, None, None] < lengths[None, :, None], xs, jnp.nan
    )
    again = interpreted(partial(roll, time_major=False, remat="sqrt"))(
        drawn, carry, spoiled.swapaxes(0, 1)
    )
    assert_close((last, ys), (again[0], again[1].swapaxes(0, 1)))
    assert ys.shape == (6, 3, 2)
    never = {"reset": jnp.zeros((6, 3), bool), "reset_carry": carry}
    same = interpreted(partial(roll, **never))(drawn, carry, xs)
    assert_close(same, (last, ys))


def test_a_layer_has_no_step():
    layer = recur.Bidirectional(recur.LSTM(4))
    params, carry = layer.init(jax.random.key(0), 3), layer.init_carry()
    with pytest.raises(TypeError, match="static_unroll: step is a Bidirectional"):
        recur.static_unroll(layer, params, carry, jnp.ones((5, 3)))


def test_bad_layers():
    with pytest.raises(ValueError, match="merge is 'max'; expected one of concatenate"):
        recur.Bidirectional(recur.LSTM(4), merge="max")
    with pytest.raises(ValueError, match="expected the same"):
        recur.Bidirectional(recur.LSTM(4), recur.GRU(3), merge="sum")
    layer = recur.Bidirectional(recur.LSTM(4))
    params = layer.init(jax.random.key(0), 3)
    with pytest.raises(TypeError, match="Bidirectional: carry is a LSTMCarry"):
        recur.unroll(layer, params, recur.LSTM(4).init_carry(), jnp.ones((5, 3)))
