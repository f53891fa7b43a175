"""Singular values and exponents, against dense matrices multiplied by NumPy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.diagnostics import (
    jacobian_singular_values,
    log_growths,
    lyapunov_exponents,
    product_singular_values,
    step_jacobian,
)
from tests.diagnostics.by_hand import EACH, jacobians, linear, network, product
from tests.support.interpreter import interpreted

pytestmark = pytest.mark.usefixtures("x64")


def sigma(matrix):
    return np.linalg.svd(matrix, compute_uv=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_dense_matrices_agree(name):
    cell, params, carry, xs = network(name)
    whole = interpreted(partial(step_jacobian, cell))(params, carry, xs[0])

    @interpreted
    def measured(*args):
        one = jacobian_singular_values(cell, *args, at=(3, 1))
        many = product_singular_values(cell, *args, at=(0, 2))
        return one, many, log_growths(cell, *args, count=whole.shape[-1])

    one, many, growths = measured(params, carry, xs)
    for row in range(2):
        dense = jacobians(cell.step, params, carry, xs, row)
        np.testing.assert_allclose(whole[row], dense[0], atol=1e-12)
        for n, t in enumerate((3, 1)):
            np.testing.assert_allclose(one[n, row], sigma(dense[t]), atol=1e-12)
        for n, t in enumerate((0, 2)):
            expected = sigma(product(dense[: t + 1]))
            np.testing.assert_allclose(np.exp(many[n, row]), expected, atol=1e-12)
        # The volume that all directions span grows by the determinant, exactly.
        if np.abs(expected[-1]) > 1e-9:
            volumes = [np.linalg.slogdet(matrix)[1] for matrix in dense]
            np.testing.assert_allclose(growths[:, row].sum(-1), volumes, rtol=1e-7)


@pytest.mark.slow
def test_growths_are_those_of_the_directions_given():
    cell, params, carry, xs = network("lstm")
    key = jax.random.key(7)
    found = log_growths(cell, params, carry, xs, count=2, key=key)
    first = np.linalg.qr(jax.random.normal(key, (2, 4, 2)))[0]
    for row in range(2):
        whole = product(jacobians(cell.step, params, carry, xs, row)) @ first[row]
        total = found[:, row].sum(0)
        np.testing.assert_allclose(total[0], np.log(np.linalg.norm(whole[:, 0])))
        area = np.sqrt(np.linalg.det(whole.T @ whole))
        np.testing.assert_allclose(total.sum(), np.log(area))


def test_a_linear_network_has_the_logarithms_of_its_eigenvalues():
    basis = np.random.default_rng(0).normal(size=(4, 4))
    rates = np.array([1.1, -0.9, 0.5, 0.3])
    matrix = jnp.asarray(basis @ np.diag(rates) @ np.linalg.inv(basis))
    args = linear, matrix, jnp.zeros((2, 4)), None
    found = lyapunov_exponents(*args, count=4, length=300, skip=100)
    expected = np.broadcast_to(np.log(np.abs(rates)), (2, 4))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_products_leave_the_range_of_floats_and_are_still_right():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    for gain in (1e-3, 1e3):
        matrix = jnp.asarray(gain * turn, jnp.float32)
        carry = jnp.zeros(3, jnp.float32)
        found = product_singular_values(linear, matrix, carry, None, length=500)
        np.testing.assert_allclose(
            found, np.full((1, 3), 500 * np.log(gain)), rtol=1e-5
        )


def test_henon_map():
    def henon(params, carry, x):
        a, b = carry[..., 0], carry[..., 1]
        return jnp.stack([1 - 1.4 * a**2 + b, 0.3 * a], axis=-1), None

    found = lyapunov_exponents(
        henon, None, jnp.zeros(2), None, length=100_000, count=2, skip=100
    )
    # The published value of the largest, and the exact sum.
    np.testing.assert_allclose(found[0], 0.4192, atol=5e-3)
    np.testing.assert_allclose(found.sum(), np.log(0.3), atol=1e-9)


@pytest.mark.slow
def test_rows_of_different_lengths_are_rows_alone():
    cell, params, carry, xs = network("lstm")
    time = {"seq_lengths": jnp.array([4, 2])}
    found = lyapunov_exponents(cell, params, carry, xs, count=4, **time)
    alone = lyapunov_exponents(cell, params, carry, xs[:2], count=4)
    np.testing.assert_allclose(found[1], alone[1])
    values = jacobian_singular_values(cell, params, carry, xs, at=(1, 3), **time)
    assert np.isfinite(values[0]).all()
    assert np.isnan(values[1, 1]).all()


def test_a_reset_starts_the_product_anew():
    cell, params, carry, xs = network("gru")
    reset = jnp.zeros((4, 2), bool).at[2].set(True)
    time = {"reset": reset, "reset_carry": carry}
    found = product_singular_values(cell, params, carry, xs, at=(3,), **time)
    alone = product_singular_values(cell, params, carry, xs[2:])
    np.testing.assert_allclose(found, alone)


@pytest.mark.slow
def test_batch_major_reverse_and_more_batch_axes():
    cell, params, carry, xs = network("gru")
    expected = log_growths(cell, params, carry, xs, count=2)
    swapped = jnp.swapaxes(xs, 0, 1)
    found = log_growths(cell, params, carry, swapped, count=2, time_major=False)
    np.testing.assert_allclose(found, expected)
    found = log_growths(cell, params, carry, xs[::-1], count=2, reverse=True)
    np.testing.assert_allclose(found[::-1], expected)
    skipped = [
        lyapunov_exponents(cell, params, carry, xs, skip=1),
        lyapunov_exponents(cell, params, carry, xs[::-1], skip=1, reverse=True),
    ]
    np.testing.assert_allclose(*skipped)
    one = lambda a, axis: jnp.expand_dims(a, axis)
    wide = jacobian_singular_values(cell, params, one(carry, 0), one(xs, 1))
    flat = jacobian_singular_values(cell, params, carry, xs)
    np.testing.assert_allclose(wide[:, 0], flat)


@pytest.mark.slow
def test_half_precision_is_measured_in_float32():
    cell = recur.Elman(4, dtype=jnp.bfloat16)
    params = cell.init(jax.random.key(0), 2)
    xs = jnp.ones((3, 2), jnp.bfloat16)
    values = jacobian_singular_values(cell, params, cell.init_carry(), xs)
    assert values.dtype == jnp.float32
    wide = jax.tree.map(lambda a: a.astype(jnp.float32), (params, xs))
    expected = jacobian_singular_values(
        recur.Elman(4), wide[0], jnp.zeros(4, jnp.float32), wide[1]
    )
    np.testing.assert_allclose(values, expected, atol=0.03)


@pytest.mark.slow
def test_a_lost_direction_is_minus_infinity():
    args = linear, jnp.diag(jnp.array([0.5, 0.0])), jnp.zeros(2), None
    assert lyapunov_exponents(*args, length=3, count=2)[1] < -30
    assert (
        lyapunov_exponents(linear, jnp.zeros((2, 2)), *args[2:], length=3)[0] == -np.inf
    )
    logs = product_singular_values(*args, length=3)
    np.testing.assert_allclose(logs, [[3 * np.log(0.5), -np.inf]])


def test_what_does_not_fit_is_refused():
    cell, params, carry, xs = network("gru")
    with pytest.raises(ValueError, match="count is 4; expected up to 3"):
        log_growths(cell, params, carry, xs, count=4)
    with pytest.raises(TypeError, match="key is int 3; expected one random key"):
        lyapunov_exponents(cell, params, carry, xs, key=3)
    with pytest.raises(ValueError, match="skip is 4; expected an integer from 0 to 3"):
        lyapunov_exponents(cell, params, carry, xs, skip=4)
    with pytest.raises(ValueError, match="at has the step 9"):
        jacobian_singular_values(cell, params, carry, xs, at=(9,))
    with pytest.raises(TypeError, match="step is int 3"):
        step_jacobian(3, params, carry, xs[0])
