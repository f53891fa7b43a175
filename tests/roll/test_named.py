"""Introspection: what a cell computes inside, without a second implementation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

import recur
from recur._roll.named import visit_named
from tests.support.draw import assert_close, random_like

XS = random_like(1, jnp.zeros((6, 2, 3)))
sigmoid = jax.nn.sigmoid


def see(cell, xs=XS):
    params = cell.init(jax.random.key(0), xs.shape[-1])
    carry = random_like(2, cell.init_carry(xs.shape[1:-1], params=params))
    last, (ys, named) = recur.unroll(recur.emit_named(cell), params, carry, xs)
    assert_close((last, ys), recur.unroll(cell, params, carry, xs))
    return params, carry, ys, named


def test_gates_of_the_lstm():
    params, carry, ys, named = see(recur.LSTM(4))
    (i,), (f,), (g,), (o,), (c,) = (
        named[name]
        for name in ("input_gate", "forget_gate", "candidate", "output_gate", "cell")
    )
    gates = XS[0] @ params.w_ih + carry.h @ params.w_hh + params.b[None]
    first = [
        a(b)
        for a, b in zip(
            (sigmoid, sigmoid, jnp.tanh, sigmoid), jnp.split(gates, 4, -1), strict=True
        )
    ]
    for seen, expected in zip((i, f, g, o), first, strict=True):
        np.testing.assert_allclose(seen[0], expected, atol=1e-6)
    before = jnp.concatenate([carry.c[None], c[:-1]])
    np.testing.assert_allclose(c, f * before + i * g, atol=1e-6)
    np.testing.assert_allclose(ys, o * jnp.tanh(c), atol=1e-6)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gates_of_the_gru(reset_after):
    _, carry, ys, named = see(recur.GRU(4, reset_after=reset_after))
    (z,), (n,) = named["update_gate"], named["candidate"]
    before = jnp.concatenate([carry[None], ys[:-1]])
    np.testing.assert_allclose(ys, (1 - z) * n + z * before, atol=1e-6)
    assert named["reset_gate"][0].shape == (6, 2, 4)


def test_through_compositions_and_jit():
    inner = recur.Stack(
        (recur.Residual(recur.LSTM(3)), recur.Zoneout(recur.LSTM(4), 0.1))
    )
    _, _, _, named = see(recur.Readout(inner, 2))
    assert [a.shape for a in named["forget_gate"]] == [(6, 2, 3), (6, 2, 4)]

    @jax.jit
    def step(params, carry, x):
        return carry + checkpoint_name(x * x, "square"), x

    _, (_, named) = recur.unroll(
        recur.emit_named(step), None, jnp.float32(0), jnp.arange(3.0)
    )
    np.testing.assert_array_equal(named["square"][0], [0, 1, 4])


@pytest.mark.slow
def test_gradients_go_through():
    cell = recur.LSTM(4)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry((2,))

    def loss(params, step):
        _, ys = recur.unroll(step, params, carry, XS)
        return jnp.sum(ys[0] if isinstance(ys, tuple) else ys)

    plain, seen = (
        jax.grad(loss)(params, s) for s in (cell.step, recur.emit_named(cell))
    )
    assert_close(seen, plain)


def test_values_can_be_changed():
    double = lambda name, value: 2 * value if name == "sum" else value
    function = lambda x: jnp.sin(checkpoint_name(x + 1, "sum"))
    assert visit_named(function, double, 0.5) == jnp.sin(3.0)


def test_clip_cell_bounds_the_memory_before_it_is_used():
    cell = recur.ClipCell(recur.LSTM(4), limit=0.2)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry((2,))
    last, (ys, named) = recur.unroll(recur.emit_named(cell), params, carry, 5 * XS)
    assert np.abs(last.c).max() <= 0.2
    bound = np.tanh(0.2) * np.asarray(named["output_gate"][0])
    assert (np.abs(ys) <= bound + 1e-6).all()
    with pytest.raises(ValueError, match=r"names .* expected a value named cell"):
        recur.ClipCell(recur.GRU(4), 1.0).step(
            recur.GRU(4).init(jax.random.key(0), 3), jnp.zeros(4), jnp.ones(3)
        )
    with pytest.raises(ValueError, match="limit is int 0; expected a finite"):
        recur.ClipCell(recur.LSTM(4), 0)


def test_clip_gradient_clips_at_every_step():
    scale = lambda params, carry, x: (params * carry, carry)

    class Scale(recur.Elman):
        step = staticmethod(scale)

    cell = recur.ClipGradient(Scale(1), limit=1.5)
    last = lambda carry: recur.unroll(cell, 2.0, carry, jnp.ones((5, 1)))[0].sum()
    assert last(jnp.ones(1)) == 32
    # Going back the factor is 2 at each step, cut to 1.5 each time.
    np.testing.assert_allclose(jax.grad(last)(jnp.ones(1)), 1.5)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(last, (jnp.ones(1),), (jnp.ones(1),))


def test_residual_and_highway_by_their_equations():
    x, h = random_like(3, jnp.zeros((2, 4))), random_like(4, jnp.zeros((2, 4)))
    inner = recur.GRU(4)
    residual, highway = recur.Residual(inner), recur.Highway(inner)
    params = highway.init(jax.random.key(0), 4)
    assert isinstance(params, recur.HighwayParams)
    carry, y = inner.step(params.cell, h, x)
    assert_close(residual.step(params.cell, h, x), (carry, x + y))
    t = sigmoid(x @ params.w + params.b[None])
    assert_close(highway.step(params, h, x), (carry, t * y + (1 - t) * x))
    np.testing.assert_array_equal(params.b, -1)
    for wrapper in (residual, highway):
        with pytest.raises(ValueError, match=r"input size is 3 .* expected the same"):
            wrapper.init(jax.random.key(0), 3)
