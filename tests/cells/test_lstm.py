"""The LSTM: its two forms, and the biases it starts from."""

import jax
import jax.numpy as jnp
import numpy as np

import recur
from recur import initializers


def test_split_form_equals_the_concatenated_form():
    cell = recur.LSTM(5, bias_init=initializers.Uniform())
    params = cell.init(jax.random.key(0), input_size=3)
    h, c, x = (
        jax.random.normal(jax.random.key(n), (2, s)) for n, s in enumerate((5, 5, 3))
    )
    w = jnp.concatenate([params.w_hh, params.w_ih])  # One matrix on [h, x].
    i, f, g, o = jnp.split(jnp.concatenate([h, x], -1) @ w + params.b[None], 4, -1)
    expected_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    expected_h = jax.nn.sigmoid(o) * jnp.tanh(expected_c)
    carry, y = cell.step(params, recur.LSTMCarry(h, c), x)
    np.testing.assert_allclose(carry.c, expected_c, atol=1e-6)
    np.testing.assert_allclose(carry.h, expected_h, atol=1e-6)
    np.testing.assert_array_equal(y, carry.h)


def test_forget_bias_is_in_the_params_and_only_there():
    b = recur.LSTM(4).init(jax.random.key(0), 3).b
    np.testing.assert_array_equal(b, np.repeat([0.0, 1.0, 0.0, 0.0], 4))
    b = recur.LSTM(4, forget_bias=2.5).init(jax.random.key(0), 3).b
    np.testing.assert_array_equal(b, np.repeat([0.0, 2.5, 0.0, 0.0], 4))


def test_chrono_biases_mirror_each_other():
    chrono = initializers.Chrono(max_lag=100)
    b = recur.LSTM(500, forget_bias=chrono).init(jax.random.key(0), 3).b
    i, f, g, o = np.split(np.asarray(b), 4)
    np.testing.assert_array_equal(i, -f)
    np.testing.assert_array_equal(np.concatenate([g, o]), 0)
    assert np.exp(f).min() >= 1
    assert np.exp(f).max() <= 99.01
    np.testing.assert_allclose(np.exp(f).mean(), 50, atol=4)  # Uniform lags.


def test_a_carry_can_be_donated():
    cell = recur.LSTM(4)
    params = cell.init(jax.random.key(0), 3)
    step = jax.jit(cell.step, donate_argnums=1)
    carry, _ = step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
    step(params, carry, jnp.ones((2, 3)))
