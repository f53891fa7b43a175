"""RG-LRU and the block around it: closed forms, other forms, and saturation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur import linear_rnn
from recur.linear_rnn.gated_decay import clipped_sqrt, draw_blocks, draw_retention
from recur.linear_rnn.short_conv import short_conv
from tests.linear_rnn.drawn import (
    KEY,
    SIZE,
    H,
    T,
    drawn,
    joined,
    outputs,
    rolled,
    split,
)
from tests.support.draw import assert_close, random_like

pytestmark = pytest.mark.usefixtures("x64")


def heads_of_one():
    """An RG-LRU of one head, and the same weights as if it had two."""
    cell = linear_rnn.RGLRU(H, heads=2)
    params, h, xs = drawn(cell, H)
    r, i = (jax.scipy.linalg.block_diag(*w) for w in split(params.w_gates, 2))
    return cell, params, params._replace(w_gates=joined(r, i)[None]), h, xs


def test_rg_lru_of_heads_is_one_with_blocks_on_the_diagonal():
    cell, params, whole, h, xs = heads_of_one()
    expected = rolled(linear_rnn.RGLRU(H), whole, h, xs)
    assert_close(rolled(cell, params, h, xs), expected)


def test_rg_lru_keeps_its_value_where_it_is_shut_and_has_gradients_there():
    cell = linear_rnn.RGLRU(H)
    params, h, xs = drawn(cell, H)
    shut = params._replace(b=params.b.at[:H].set(-1e3))
    last = lambda p, h, xs: rolled(cell, p, h, xs)[0]
    assert_close(last(shut, h, xs), h)
    for end in (-1e3, 1e3):
        for logit in (-1e3, 0.0, 1e3):
            p = params._replace(
                b=params.b.at[:H].set(end), retention=jnp.full(H, logit)
            )
            loss = lambda *args: jnp.sum(last(*args) ** 2)
            primals = p, h, xs
            grads = jax.grad(loss, (0, 1, 2))(*primals)
            forward = jax.jvp(loss, primals, jax.tree.map(jnp.ones_like, primals))[1]
            sums = sum(jnp.sum(g) for g in jax.tree.leaves(grads))
            assert jnp.isfinite(forward)
            assert jnp.allclose(forward, sums)


def test_rg_lru_of_a_constant_retention_keeps_the_variance():
    """Of white noise of variance 4, halved by the gate."""
    cell = linear_rnn.RGLRU(1000)
    params = jax.tree.map(jnp.zeros_like, cell.init(KEY, 1000))
    params = params._replace(retention=jnp.full(1000, 0.5, "float32"))
    xs = 2 * jax.random.normal(KEY, (100, 1000), "float32")
    h = rolled(cell, params, cell.init_carry(), xs)[0]
    assert 0.9 < float(jnp.var(h)) < 1.1


def test_the_root_has_a_slope_that_is_no_more_than_a_thousand():
    slope = jax.grad(clipped_sqrt)
    assert slope(0.0) == slope(1e-9) == 1000
    assert_close(slope(4.0), jax.grad(jnp.sqrt)(4.0))
    assert jax.jvp(clipped_sqrt, (0.0,), (1.0,)) == (0, 1000)
    assert jax.grad(slope)(0.0) == 0
    assert clipped_sqrt(1e-12) == 1e-6


def test_retentions_are_drawn_in_the_ring_and_blocks_each_by_itself():
    squares = jax.nn.sigmoid(draw_retention(KEY, (4000,), "float64")) ** 2
    assert squares.min() >= 0.81
    assert squares.max() <= 0.999**2
    assert abs(squares.mean() - (0.81 + 0.999**2) / 2) < 5e-3
    ones = lambda key, shape, dtype: jax.random.normal(key, shape, dtype)
    blocks = draw_blocks(ones, KEY, (2, 50, 100), "float64")
    halves = blocks.reshape(2, 50, 2, 50).transpose(0, 2, 1, 3).reshape(4, -1)
    correlation = jnp.corrcoef(halves) - jnp.eye(4)
    assert jnp.abs(correlation).max() < 0.1


def test_griffin_without_a_convolution_is_an_rg_lru_between_matrices():
    block = linear_rnn.GriffinBlock(SIZE, recurrent_size=H, heads=2, width=1)
    params, carry, xs = drawn(block)
    params = params._replace(w_conv=jnp.ones((1, H)), b_conv=jnp.zeros(H))
    u = xs @ params.w_ih[:, H:] + params.b[None, None, H:]
    unit = linear_rnn.RGLRUParams(params.w_gates, params.b_gates, params.retention)
    h = outputs(linear_rnn.RGLRU(H, heads=2), unit, carry.h, u)
    g = jax.nn.gelu(xs @ params.w_ih[:, :H] + params.b[None, None, :H])
    expected = (g * h) @ params.w_ho + params.b_ho[None, None]
    assert_close(outputs(block, params, carry, xs), expected)


def test_a_short_convolution_is_numpys():
    w, b, us = random_like(0, (jnp.zeros((4, 2)), jnp.zeros(2), jnp.zeros((T, 2))))
    past, found = (jnp.zeros(2),) * 3, []
    for u in us:
        c, past = short_conv(w, b, past, u)
        found.append(c)
    columns = [np.convolve(us[:, n], w[::-1, n])[:T] + b[n] for n in range(2)]
    assert_close(jnp.stack(found), jnp.stack(columns, axis=-1))
    bare, biased = (short_conv(w, a, past, us[0])[0] for a in (None, b))
    assert_close(bare + b, biased)
