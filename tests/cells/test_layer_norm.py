"""Layer-normalised cells: their norm, what they start from, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import initializers
from recur._ops.layer_norm import layer_norm

CELLS = [recur.LayerNormLSTM, recur.LayerNormGRU]
KEY = jax.random.key(0)


def test_norm():
    a = jax.random.normal(KEY, (4, 50)) * 3 + 2
    gain = jnp.linspace(-1.0, 1.0, 50)
    np.testing.assert_allclose(layer_norm(a, jnp.ones(50)).mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(layer_norm(a, jnp.ones(50)).std(-1), 1, atol=1e-5)
    expected = layer_norm(a, jnp.ones(50)) * gain[None]
    np.testing.assert_allclose(layer_norm(a, gain), expected, atol=1e-7)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_statistics_are_in_float32(dtype):
    a = (jax.random.normal(KEY, (64,)) + 100).astype(dtype)
    out = layer_norm(a, jnp.ones(64, dtype))
    assert out.dtype == jnp.float32
    expected = layer_norm(a.astype(jnp.float32), jnp.ones(64))
    np.testing.assert_array_equal(out, expected)


def test_gradient_at_equal_entries_is_finite():
    grad = jax.grad(lambda a: layer_norm(a, jnp.ones(3))[0])
    for a in (jnp.zeros(3), jnp.full(3, 7.0)):
        assert np.isfinite(grad(a)).all()


@pytest.mark.quick(1)
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_from_zeros_are_finite(kind):
    cell = kind(4)
    params, xs = cell.init(KEY, 3), jnp.zeros((5, 2, 3))

    def loss(*args):
        return recur.unroll(cell, *args)[1].sum()

    grads = jax.grad(loss, (0, 1, 2))(params, cell.init_carry((2,)), xs)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


@pytest.mark.parametrize("kind", CELLS)
def test_scaling_the_weights_changes_nothing(kind):
    cell = kind(8, eps=1e-12)
    params, xs = cell.init(KEY, 3), jax.random.normal(KEY, (6, 3))
    scaled = params._replace(w_ih=5 * params.w_ih, w_hh=3 * params.w_hh)
    carry = jax.tree.map(lambda a: a + jnp.arange(8.0), cell.init_carry())
    one, other = (recur.unroll(cell, p, carry, xs)[1] for p in (params, scaled))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_what_an_lstm_starts_from():
    params = recur.LayerNormLSTM(4).init(KEY, 3)
    assert isinstance(params, recur.LayerNormLSTMParams)
    np.testing.assert_array_equal(params.b, np.repeat([0.0, 1.0, 0.0, 0.0], 4))
    for gain in (params.gain_x, params.gain_h, params.gain_c):
        np.testing.assert_array_equal(gain, 1)
    np.testing.assert_array_equal(params.bias_c, 0)


def test_what_a_gru_starts_from():
    params = recur.LayerNormGRU(4, update_bias=1.5).init(KEY, 3)
    assert isinstance(params, recur.LayerNormGRUParams)
    np.testing.assert_array_equal(params.b, np.repeat([0.0, 1.5, 0.0], 4))
    for gain in (params.gain_x, params.gain_h):
        np.testing.assert_array_equal(gain, 1)
    chrono = recur.LayerNormGRU(4, update_bias=initializers.Chrono(50))
    assert (np.asarray(chrono.init(KEY, 3).b)[4:8] > 0).all()


@pytest.mark.parametrize("kind", CELLS)
def test_params_and_carry_can_be_donated(kind):
    cell = kind(4)

    def decay(params, carry):
        carry, _ = cell.step(params, carry, jnp.ones((2, 3)))
        return jax.tree.map(lambda a: 0.9 * a, params), carry

    step = jax.jit(decay, donate_argnums=(0, 1))
    step(cell.init(KEY, 3), cell.init_carry((2,)))


FIELDS = [(kind, name) for kind in CELLS for name in kind(5).init(KEY, 3)._fields]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_params_of_another_size(kind, field):
    cell = kind(5)
    params, carry = cell.init(KEY, 3), cell.init_carry((2,))
    params = params._replace(**{field: getattr(params, field)[..., :-1]})
    with pytest.raises(ValueError, match=rf"\.step: params\.{field} is .*expected"):
        cell.step(params, carry, jnp.ones((2, 3)))


@pytest.mark.parametrize("kind", CELLS)
def test_params_carry_and_x_of_another_cell(kind):
    cell, x = kind(5), jnp.ones((2, 3))
    params, carry = cell.init(KEY, 3), cell.init_carry((2,))
    name = kind.__name__
    with pytest.raises(TypeError, match=rf"params is .*with {name}\(\.\.\.\).init\."):
        cell.step(recur.Elman(5).init(KEY, 3), carry, x)
    with pytest.raises(TypeError, match=rf"{name}.step: carry is .*expected"):
        cell.step(params, {"h": carry}, x)
    with pytest.raises(ValueError, match=rf"{name}.step: carry.*expected the shape"):
        cell.step(params, kind(4).init_carry((2,)), x)
    with pytest.raises(ValueError, match=r"x is float32\[2, 2\].*last axis of 3"):
        cell.step(params, carry, x[:, :2])


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("eps", [0, -1e-5])
def test_eps(kind, eps):
    with pytest.raises(ValueError, match=r"eps is .*expected a finite number above 0"):
        kind(4, eps=eps)
    with pytest.raises(ValueError, match=r"layer_norm: eps is .*above 0"):
        layer_norm(jnp.ones(3), jnp.ones(3), eps)
