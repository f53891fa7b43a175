"""Precision: what is rounded to bfloat16, what is summed in float32."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._ops.matmul import matmul

CELLS = [
    recur.Elman,
    recur.LSTM,
    recur.GRU,
    functools.partial(recur.GRU, reset_after=False),
]


def test_bfloat16_products_accumulate_in_float32():
    x, w = jnp.ones((1, 4096), jnp.bfloat16), jnp.ones((4096, 1), jnp.bfloat16)
    product = matmul(x, w)
    assert product.dtype == jnp.float32
    assert product[0, 0] == 4096  # A bfloat16 sum of ones stops at 256.


@pytest.mark.quick(1)
@pytest.mark.parametrize("make", CELLS)
def test_mixed_precision_keeps_params_and_carry_in_float32(make):
    cell = make(16, compute_dtype=jnp.bfloat16)
    params, carry = cell.init(jax.random.key(0), 8), cell.init_carry((4,))
    xs = jax.random.normal(jax.random.key(1), (32, 4, 8))

    def loss(cell, params):
        last, ys = recur.unroll(cell, params, carry, xs)
        return jnp.mean(ys**2), (last, ys)

    grads, (last, ys) = jax.grad(loss, 1, has_aux=True)(cell, params)
    for leaf in jax.tree.leaves((params, carry, last, ys, grads)):
        assert leaf.dtype == jnp.float32
    exact, (_, expected) = jax.grad(loss, 1, has_aux=True)(make(16), params)
    error = np.abs(ys - expected).max()
    assert 1e-5 < error < 3e-2  # Rounded, and only as bfloat16 rounds.
    scale = max(float(jnp.abs(g).max()) for g in jax.tree.leaves(exact))
    for ours, theirs in zip(*map(jax.tree.leaves, (grads, exact)), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=3e-2 * scale)


@pytest.mark.quick(1)
@pytest.mark.parametrize("make", CELLS)
def test_mixed_precision_sums_gradients_over_time_in_float32(make):
    # 4,096 equal steps: a bfloat16 sum would stop growing near the 256th.
    cell = make(2, compute_dtype=jnp.bfloat16)
    params, steps = cell.init(jax.random.key(0), 1), 4096
    xs = jnp.ones((steps, 1))

    def loss(params, xs):
        return recur.unroll(cell, params, cell.init_carry(), xs)[1].sum() / len(xs)

    short, long = (jax.grad(loss)(params, xs[:n]).b for n in (steps // 2, steps))
    np.testing.assert_allclose(long, short, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("make", CELLS)
def test_names_of_dtypes_are_one_value(make):
    assert make(3, dtype="bfloat16") == make(3, dtype=jnp.bfloat16)
    assert hash(make(3, dtype="bfloat16")) == hash(make(3, dtype=jnp.bfloat16))
