"""Wrappers around layers that need the whole sequence: a tagger, under all flags."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

BOTH = recur.Bidirectional(recur.GRU(2))
XS = random_like(0, jnp.zeros((5, 3, 4)))
MASK = np.arange(15).reshape(5, 3) % 4 != 1
RESET = np.arange(15).reshape(5, 3) % 5 == 2
FLAGS = {
    "none": {},
    "lengths": {"seq_lengths": np.array([5, 0, 2])},
    "all": {"seq_lengths": np.array([5, 3, 4]), "mask": MASK, "reset": RESET},
    "reverse": {"mask": MASK, "reverse": True, "remat": 2},
}


def valid_steps(seq_lengths=None, mask=None, **_):
    valid = np.ones((5, 3), bool) if mask is None else mask
    return (
        valid if seq_lengths is None else valid & (np.arange(5)[:, None] < seq_lengths)
    )


def readout(params, xs, flags):
    _, hs = recur.unroll(BOTH, params.cell, None, xs, **flags)
    return jax.nn.softmax(
        jnp.einsum("tbh,ho->tbo", hs, params.w) + params.b[None, None]
    )


def residual(params, xs, flags):
    return xs + recur.unroll(BOTH, params, None, xs, **flags)[1]


def highway(params, xs, flags):
    t = jax.nn.sigmoid(jnp.einsum("tbi,ij->tbj", xs, params.w) + params.b[None, None])
    return t * recur.unroll(BOTH, params.cell, None, xs, **flags)[1] + (1 - t) * xs


def block(params, xs, flags):
    mean, variance = xs.mean(-1, keepdims=True), xs.var(-1, keepdims=True)
    normed = (xs - mean) / jnp.sqrt(variance + 1e-5) * params.gain[None, None]
    entering = normed + params.shift[None, None]
    _, ys = recur.unroll(BOTH, params.cell, None, entering, **flags)
    both = jnp.einsum("tbi,ij->tbj", jax.nn.gelu(ys), params.w) + params.b[None, None]
    value, gate = jnp.split(both, 2, axis=-1)
    return xs + value * jax.nn.sigmoid(gate)


WRAPPERS = {
    "readout": (recur.Readout(BOTH, 3, activation=jax.nn.softmax), readout),
    "residual": (recur.Residual(BOTH), residual),
    "highway": (recur.Highway(BOTH), highway),
    "block": (recur.ResidualBlock(BOTH), block),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers_act_on_all_steps_of_the_layer_inside(name, flags):
    layer, plain = WRAPPERS[name]
    flags = FLAGS[flags]
    params = random_like(1, layer.init(jax.random.key(0), 4))
    valid = valid_steps(**flags)[..., None]

    def ours(params, xs):
        spoiled = jnp.where(valid, xs, jnp.nan)
        return recur.unroll(layer, params, None, spoiled, **flags)[1]

    def theirs(params, xs):
        return jnp.where(valid, plain(params, xs, flags), 0.0)

    ours, theirs = (interpreted(squared(roll)) for roll in (ours, theirs))
    assert_close(ours(params, XS), theirs(params, XS))


def squared(roll):
    """Values, and the gradients of their squares."""
    slope = jax.grad(lambda *args: jnp.sum(roll(*args) ** 2), (0, 1))
    return lambda *args: (roll(*args), slope(*args))


def test_batch_major_equals_time_major():
    layer, _ = WRAPPERS["readout"]
    params = layer.init(jax.random.key(0), 4)
    lengths = [5, 0, 2]
    roll = partial(recur.unroll, layer, seq_lengths=lengths)
    _, ys = interpreted(roll)(params, None, XS)
    _, zs = interpreted(partial(roll, time_major=False))(
        params, None, XS.swapaxes(0, 1)
    )
    assert_close(zs.swapaxes(0, 1), ys)


@pytest.mark.slow
def test_an_activation_singular_at_zero_keeps_padding_out_of_gradients():
    layer = recur.Readout(
        BOTH, 1, activation=jnp.log, bias_init=jax.nn.initializers.zeros
    )
    params = jax.tree.map(jnp.abs, random_like(1, layer.init(jax.random.key(0), 4)))
    params = params._replace(b=jnp.full(1, 3.0))
    hidden = recur.Readout(BOTH, 1)

    def ours(params):
        return recur.unroll(layer, params, None, XS, seq_lengths=[5, 0, 2])[1].sum()

    def plain(params):
        _, ys = recur.unroll(hidden, params, None, XS, seq_lengths=[5, 0, 2])
        valid = valid_steps(seq_lengths=np.array([5, 0, 2]))[..., None]
        return jnp.sum(jnp.where(valid, jnp.log(jnp.where(valid, ys, 1.0)), 0.0))

    ours, plain = map(jax.value_and_grad, (ours, plain))
    assert_close(jax.jit(ours)(params), interpreted(plain)(params))


def test_masks_and_learned_carries_reach_the_layer_inside():
    cell = recur.Dropout(recur.VariationalDropout(BOTH, inputs=0.4, recurrent=0.3), 0.5)
    params = cell.init(jax.random.key(0), 4)
    drawn = recur.draw_masks(cell, jax.random.key(1), params, XS)
    _, ys = recur.unroll(cell, drawn, None, XS)
    inner = drawn.params
    xs = jnp.where(inner.masks[None], XS / 0.6, 0.0)
    _, hs = recur.unroll(BOTH, inner.params, BOTH.init_carry((3,)), xs)
    assert_close(ys, jnp.where(drawn.masks.values, hs / 0.5, 0.0))
    assert_close(
        recur.unroll(cell, params, None, XS), recur.unroll(BOTH, params, None, XS)
    )
    learned = recur.LearnedCarry(BOTH)
    params = random_like(2, learned.init(jax.random.key(0), 4))
    carry = learned.init_carry((3,), params=params)
    assert_close(
        recur.unroll(learned, params, None, XS, reset=RESET),
        recur.unroll(BOTH, params.cell, carry, XS, reset=RESET, reset_carry=carry),
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda cell: recur.Zoneout(cell, h=0.1),
        lambda cell: recur.RecurrentDropout(cell, rate=0.1),
        recur.ClipCell,
        recur.ClipGradient,
    ],
)
def test_what_changes_each_step_is_refused(wrap):
    with pytest.raises(TypeError, match=r"whole sequence.*Wrap the cells inside"):
        wrap(BOTH)


def test_what_is_no_cell_is_refused():
    for wrap in (
        recur.Residual,
        recur.LearnedCarry,
        lambda cell: recur.Readout(cell, 2),
    ):
        with pytest.raises(TypeError, match="cell is int 3; expected an object with"):
            wrap(3)
        with pytest.raises(TypeError, match=r"class LSTM; .* Write LSTM\(\.\.\.\)"):
            wrap(recur.LSTM)
