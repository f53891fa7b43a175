"""Gated linear cells are one another where their papers say so."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import linear_rnn
from tests.gated_linear_cases import ROWS, qrnn
from tests.linear_rnn.drawn import (
    KEY,
    SIZE,
    B,
    H,
    T,
    drawn,
    joined,
    outputs,
    rolled,
    split,
)
from tests.support.draw import assert_close

pytestmark = pytest.mark.usefixtures("x64")


def test_min_lstm_is_a_min_gru_whose_gate_is_the_ratio():
    cell = linear_rnn.MinLSTM(H)
    params, h, xs = drawn(cell)
    (w_i, w_f, w_n), (b_i, b_f, b_n) = split(params.w_ih, 3), split(params.b, 3)
    i = jax.nn.sigmoid(xs @ w_i + b_i[None, None])
    f = jax.nn.sigmoid(xs @ w_f + b_f[None, None])
    z = i / (f + i)
    # A gate that reads its own logit off the input, and a candidate likewise.
    given = joined(jnp.log(z / (1 - z)), xs @ w_n + b_n[None, None])
    same = linear_rnn.MinGRUParams(jnp.eye(2 * H), jnp.zeros(2 * H))
    expected = outputs(linear_rnn.MinGRU(H), same, h, given)
    assert_close(outputs(cell, params, h, xs), expected)


def test_min_lstm_with_equal_gates_takes_the_mean():
    cell = linear_rnn.MinLSTM(H)
    params, h, xs = drawn(cell)
    w, n = params.w_ih[:, :H], params.w_ih[:, 2 * H :]
    params = linear_rnn.MinLSTMParams(joined(w, w, n), jnp.zeros(3 * H))
    assert_close(cell.step(params, h, xs[0])[0], (h + xs[0] @ n) / 2)


@pytest.mark.parametrize("shut", [(-900.0, -900.0), (-900.0, 900.0), (900.0, -900.0)])
def test_min_lstm_is_finite_and_sums_to_one_at_saturation(shut):
    cell = linear_rnn.MinLSTM(1)
    b = jnp.array([*shut, 0.0], "float32")
    params = linear_rnn.MinLSTMParams(jnp.zeros((1, 3), "float32"), b)
    one = jnp.ones(1, "float32")
    kept = lambda p: cell.step(p, one, one)[0][0]
    assert float(kept(params)) == {0: 0.5, -1: 1.0, 1: 0.0}[np.sign(shut[0] - shut[1])]
    written = kept(params._replace(b=b.at[2].set(1.0)))
    assert float(written) == 1.0
    assert all(jnp.isfinite(g).all() for g in jax.grad(kept)(params))


def test_qrnn_of_width_one_is_a_min_gru_of_tanh():
    cell = linear_rnn.QRNN(H, width=1, pooling="f")
    params, carry, xs = drawn(cell)
    (w_z, w_f), (b_z, b_f) = split(params.w_ih, 2), split(params.b, 2)
    z = jnp.tanh(xs @ w_z + b_z[None, None])
    eye = jnp.eye(H)
    given = joined(xs @ w_f + b_f[None, None], z)
    w = jnp.block([[-eye, 0 * eye], [0 * eye, eye]])
    same = linear_rnn.MinGRUParams(w, jnp.zeros(2 * H))
    expected = outputs(linear_rnn.MinGRU(H), same, carry.c, given)
    assert_close(outputs(cell, params, carry, xs), expected)


def test_qrnn_of_each_pooling_and_width_is_what_its_paper_says():
    for width, pooling in ((1, "f"), (2, "f"), (1, "fo"), (3, "fo"), (2, "ifo")):
        cell = linear_rnn.QRNN(H, width=width, pooling=pooling)
        args = drawn(cell)
        expected = qrnn(width, pooling)(*jax.tree.map(np.asarray, args))
        assert_close(rolled(cell, *args), expected)


def test_qrnn_ifo_that_writes_what_it_forgets_is_fo():
    cell = linear_rnn.QRNN(H, pooling="ifo")
    params, carry, xs = drawn(cell)
    (w_z, w_f, w_o, _), (b_z, b_f, b_o, _) = split(params.w_ih, 4), split(params.b, 4)
    coupled = joined(w_z, w_f, w_o, -w_f), joined(b_z, b_f, b_o, -b_f)
    short = joined(w_z, w_f, w_o), joined(b_z, b_f, b_o)
    expected = rolled(
        linear_rnn.QRNN(H, pooling="fo"), linear_rnn.QRNNParams(*short), carry, xs
    )
    assert_close(rolled(cell, linear_rnn.QRNNParams(*coupled), carry, xs), expected)


def test_sru_carries_a_min_gru_that_keeps_where_it_writes():
    cell = linear_rnn.SRU(H, projection=True)
    params, c, xs = drawn(cell)
    w_u, w_f, _, _ = split(params.w_ih, 4)
    b_f = params.b[:H]
    same = linear_rnn.MinGRUParams(joined(-w_f, w_u), joined(-b_f, jnp.zeros(H)))
    expected = rolled(linear_rnn.MinGRU(H), same, c, xs)[0]
    assert_close(rolled(cell, params, c, xs)[0], expected)


@pytest.mark.parametrize("bias", [0.0, -1.0])
def test_sru_that_is_shut_lets_the_scaled_input_by(bias):
    cell = linear_rnn.SRU(H, highway_bias=bias)
    params, c, xs = drawn(cell, H)
    w = params.w_ih.at[:, H:].set(0.0)
    scale = math.sqrt(1 + 2 * math.exp(bias))
    shut = params._replace(w_ih=w, b=jnp.repeat(jnp.array([900.0, -900.0]), H))
    last, ys = rolled(cell, shut, c, xs)
    assert_close(last, c)
    assert_close(ys, scale * xs)
    around = w[:, :H] * 0 + scale * jnp.eye(H)
    projected = shut._replace(w_ih=joined(w, around))
    other = linear_rnn.SRU(H, projection=True)
    assert_close(outputs(other, projected, c, xs), ys)


def test_sru_draws_its_highway_open_or_shut_and_its_projection_scaled():
    options = {"projection": True, "dtype": "float64"}
    cells = (linear_rnn.SRU(H, highway_bias=b, **options) for b in (0.0, -2.0))
    plain, params = (cell.init(KEY, SIZE) for cell in cells)
    assert_close(params.b, jnp.repeat(jnp.array([0.0, -2.0]), H))
    scale = math.sqrt((1 + 2 * math.exp(-2.0)) / 3)
    expected = plain.w_ih.at[:, 3 * H :].multiply(scale)
    assert_close(params.w_ih, expected)


def test_hgrn_of_a_constant_gate_is_an_average_and_keeps_what_is_bound():
    cell = linear_rnn.HGRN(H, lower_bound=0.4)
    params, h, xs = drawn(cell)
    w = params.w_ih.at[:, :H].set(0.0)
    last = rolled(cell, params._replace(w_ih=w), h, xs)[0]
    for x in xs:
        h = 0.7 * h + 0.3 * jax.nn.silu(x @ w[:, H : 2 * H])
    assert_close(last, h)
    kept = jax.jacfwd(lambda h: cell.step(params, h, xs[0][0])[0])(h[0])
    assert (jnp.diag(kept) >= 0.4).all()
    assert (jnp.diag(kept) < 1).all()


def test_t_rnn_is_a_min_gru_that_keeps_where_it_writes():
    cell = linear_rnn.TRNN(H)
    params, h, xs = drawn(cell)
    (w_z, w_f), (b_z, b_f) = split(params.w_ih, 2), split(params.b, 2)
    same = linear_rnn.MinGRUParams(joined(-w_f, w_z), joined(-b_f, b_z))
    assert_close(rolled(cell, params, h, xs), rolled(linear_rnn.MinGRU(H), same, h, xs))


def test_t_lstm_is_a_qrnn_of_other_curves():
    """T-LSTM: linear z and tanh o; QRNN: tanh z and logistic o."""
    cell, other = linear_rnn.TLSTM(H), linear_rnn.QRNN(H, width=2, pooling="fo")
    params, carry, xs = drawn(cell)
    read = lambda p, u: u @ p + params.b[None, None, 2 * H :]
    # Small z, for which tanh is the identity.
    tiny = jnp.repeat(jnp.array([1e-6, 1.0, 1.0]), H)
    seen = linear_rnn.QRNNParams(
        jnp.concatenate([params.w_ih, params.w_past]) * tiny[None], params.b * tiny
    )
    start = linear_rnn.QRNNCarry(1e-6 * carry.c, (carry.past,))
    pooled = recur.emit_carry(other)
    small = rolled(pooled, seen, start, xs)[1][1].c
    before = jnp.concatenate([carry.past[None], xs[:-1]])
    o = jnp.tanh(read(params.w_ih[:, 2 * H :], xs) + before @ params.w_past[:, 2 * H :])
    assert_close(outputs(cell, params, carry, xs), 1e6 * small * o)


def test_t_gru_without_weights_on_the_past_forgets_it():
    cell = linear_rnn.TGRU(H)
    params, carry, xs = drawn(cell)
    blind = params._replace(w_past=0 * params.w_past)
    moved = carry._replace(past=carry.past + 1)
    assert_close(outputs(cell, blind, moved, xs), outputs(cell, blind, carry, xs))
    (w_z, w_f, w_o), (b_z, b_f, b_o) = split(params.w_ih, 3), split(params.b, 3)
    h, x = carry.h, xs[0]
    z, f, o = x @ w_z + b_z[None], x @ w_f + b_f[None], x @ w_o + b_o[None]
    expected = jax.nn.sigmoid(f) * h + z * jnp.tanh(o)
    assert_close(cell.step(blind, carry, x)[0].h, expected)


def test_weights_over_time_are_orthogonal():
    params = linear_rnn.TLSTM(H, dtype="float64").init(KEY, H)
    for v in split(params.w_past, 3):
        assert_close(v @ v.T, jnp.eye(H))


@pytest.mark.parametrize("name", ["qrnn-ifo", "griffin", "t-lstm"])
def test_step_by_step_with_its_window_it_is_the_roll(name):
    cell, _ = ROWS[name]
    params, carry, xs = drawn(cell)
    expected = recur.unroll(cell, params, carry, xs)
    step, ys = jax.jit(cell.step), []
    for x in xs:
        carry, y = step(params, carry, x)
        ys.append(y)
    assert_close((carry, jnp.stack(ys)), expected)


def test_a_reset_forgets_the_window():
    cell, _ = ROWS["qrnn-ifo"]
    params, carry, xs = drawn(cell)
    reset = jnp.arange(T) == 3
    anew = cell.init_carry((B,), params=params)
    anew = jax.tree.map(lambda a: a.astype("float64"), anew)
    whole = recur.unroll(cell, params, carry, xs, reset=jnp.tile(reset[:, None], B))[1]
    assert_close(whole[3:], recur.unroll(cell, params, anew, xs[3:])[1])
