"""The LSTM: its forms, the biases it starts from, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

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
    draw = {"forget_bias": chrono, "recurrent_init": initializers.Zeros()}
    b = recur.LSTM(500, **draw).init(jax.random.key(0), 3).b
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


OPTIONS = [
    {"peephole": peephole, "coupled": coupled, "projection_size": projection_size}
    for peephole in (False, True)
    for coupled in (False, True)
    for projection_size in (None, 2)
]


@pytest.mark.parametrize("options", OPTIONS)
def test_shapes_of_every_option(options):
    cell = recur.LSTM(5, **options)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry((2,))
    gates, size = 3 if options["coupled"] else 4, options["projection_size"] or 5
    assert params.w_ih.shape == (3, gates * 5)
    assert params.w_hh.shape == (size, gates * 5)
    assert params.b.shape == (gates * 5,)
    looks = params.w_ch.shape if options["peephole"] else params.w_ch
    assert looks == (((gates - 1) * 5,) if options["peephole"] else None)
    assert (params.w_hr is None) == (size == 5)
    assert (carry.h.shape, carry.c.shape) == ((2, size), (2, 5))
    assert cell.output_size == size
    last, y = jax.jit(cell.step, donate_argnums=1)(params, carry, jnp.ones((2, 3)))
    assert (last.h.shape, last.c.shape, y.shape) == ((2, size), (2, 5), (2, size))


def test_options_are_off_in_params_of_three():
    params = recur.LSTM(5).init(jax.random.key(0), 3)
    assert params == recur.LSTMParams(params.w_ih, params.w_hh, params.b)
    assert params.w_ch is None
    assert params.w_hr is None


def test_peepholes_of_zero_are_none():
    cell, xs = recur.LSTM(5, peephole=True), jnp.ones((7, 2, 3))
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry((2,))
    np.testing.assert_array_equal(params.w_ch, 0)
    # One and the same way to roll, so that not even the rounding differs.
    roll = lambda p: recur.unroll(cell, p, carry, xs, implementation="scan")
    both = roll(params), roll(params._replace(w_ch=None))
    jax.tree.map(np.testing.assert_array_equal, *both)


def test_coupled_gates_remember_by_the_negative_input_bias():
    b = recur.LSTM(4, coupled=True).init(jax.random.key(0), 3).b
    np.testing.assert_array_equal(b, np.repeat([-1.0, 0.0, 0.0], 4))
    chrono = initializers.Chrono(max_lag=100)
    options = {"forget_bias": chrono}
    b = recur.LSTM(4, coupled=True, **options).init(jax.random.key(0), 3).b
    f = np.split(recur.LSTM(4, **options).init(jax.random.key(0), 3).b, 4)[1]
    np.testing.assert_array_equal(b[:4], -f)


@pytest.mark.parametrize("coupled", [False, True])
def test_params_for_the_other_forget_gate_are_refused(coupled):
    params = recur.LSTM(5, coupled=coupled).init(jax.random.key(0), 3)
    other = rf"w_ih is .* with coupled={not coupled}; .*coupled={not coupled}\)"
    with pytest.raises(ValueError, match=other):
        recur.lstm_step(
            params, recur.lstm_init_carry(5), jnp.ones(3), coupled=not coupled
        )


@pytest.mark.parametrize("field", ["w_ch", "w_hr", "w_hh"])
def test_options_of_another_size_are_refused(field):
    cell = recur.LSTM(5, peephole=True, projection_size=4)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry()
    params = params._replace(**{field: getattr(params, field)[..., :-1]})
    with pytest.raises(ValueError, match=rf"lstm_step: params\.{field} is .*expected"):
        cell.step(params, carry, jnp.ones(3))


def test_a_carry_of_another_projection_is_refused():
    cell, x = recur.LSTM(5, projection_size=4), jnp.ones(3)
    params = cell.init(jax.random.key(0), 3)
    with pytest.raises(ValueError, match=r"carry\.h is float32\[5\].*\(4,\)"):
        cell.step(params, recur.lstm_init_carry(5), x)
    with pytest.raises(ValueError, match=r"carry\.c is float32\[4\].*\(5,\)"):
        cell.step(params, recur.lstm_init_carry(4), x)


@pytest.mark.parametrize(("size", "kind"), [(0, ValueError), (2.5, TypeError)])
def test_projection_sizes(size, kind):
    with pytest.raises(kind, match=r"LSTM: projection_size is .*positive integer"):
        recur.LSTM(5, projection_size=size)
    with pytest.raises(kind, match=r"lstm_init: projection_size is"):
        recur.lstm_init(jax.random.key(0), 3, 5, projection_size=size)
    with pytest.raises(kind, match=r"lstm_init_carry: projection_size is"):
        recur.lstm_init_carry(5, projection_size=size)
