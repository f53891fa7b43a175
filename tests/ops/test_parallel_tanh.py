"""A tanh in arithmetic against the one of float64, and where it is used."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._ops.parallel_tanh import FEWEST, MOST, parallel_tanh
from tests.support.draw import random_like, with_gradients

ULPS = 6  # XLA's own is off by 4.4 at most.


def spread(size):
    """Numbers of all magnitudes, both signs, and where tanh bends."""
    tiny = np.geomspace(1e-37, 1e-2, size // 4)
    bend = np.linspace(1e-2, 12, size // 4)
    half = np.concatenate([tiny, bend])
    return jnp.asarray(np.concatenate([half, -half]), jnp.float32)


def test_it_is_tanh_to_rounding_and_never_beyond_one():
    x = spread(FEWEST)
    exact = np.tanh(np.asarray(x, np.float64))
    for function in (parallel_tanh, jax.jit(parallel_tanh)):
        found = np.asarray(function(x))
        ulp = np.spacing(np.abs(exact).astype(np.float32))
        assert np.max(np.abs(found - exact) / ulp) <= ULPS
        assert np.max(np.abs(found)) <= 1
        np.testing.assert_array_equal(found[: len(x) // 2], -found[len(x) // 2 :])


def test_its_derivatives_are_those_of_tanh():
    x = spread(FEWEST)
    exact = np.tanh(np.asarray(x, np.float64))
    slope = jax.grad(lambda x: jnp.sum(parallel_tanh(x)))
    np.testing.assert_allclose(slope(x), 1 - exact**2, atol=1e-6)
    bend = jax.jvp(slope, (x,), (jnp.ones_like(x),))[1]
    np.testing.assert_allclose(bend, -2 * exact * (1 - exact**2), atol=2e-6)


def test_what_is_not_a_number_stays_so_and_infinity_saturates():
    odd = jnp.array([jnp.nan, jnp.inf, -jnp.inf, 0.0, -0.0, 1e38], jnp.float32)
    found = parallel_tanh(jnp.tile(odd, FEWEST // len(odd) + 1))[: len(odd)]
    np.testing.assert_allclose(found, [jnp.nan, 1, -1, 0, 0, 1], rtol=2e-7)
    assert np.signbit(found[4])
    assert not np.signbit(found[3])


@pytest.mark.parametrize("size", [FEWEST - 1, MOST])
def test_few_and_many_entries_are_left_to_xla(size):
    x = jnp.linspace(-3, 3, size)
    assert "tanh" in str(jax.make_jaxpr(parallel_tanh)(x))
    np.testing.assert_array_equal(parallel_tanh(x), jnp.tanh(x))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_other_dtypes_are_left_to_xla(dtype):
    x = jnp.linspace(-3, 3, FEWEST, dtype=dtype)
    np.testing.assert_array_equal(parallel_tanh(x), jnp.tanh(x))


def test_only_a_cpu_takes_the_arithmetic():
    x = jax.ShapeDtypeStruct((FEWEST,), jnp.float32)
    for platform, written_out in [("cpu", True), ("cuda", False), ("tpu", False)]:
        program = jax.export.export(jax.jit(parallel_tanh), platforms=[platform])(x)
        assert ("divide" in program.mlir_module()) is written_out


def test_mapping_changes_nothing():
    x = spread(FEWEST).reshape(4, -1)
    two = jnp.stack([x, x[::-1]])
    np.testing.assert_allclose(jax.vmap(parallel_tanh)(two), jnp.tanh(two), rtol=1e-6)


@pytest.mark.slow
def test_an_lstm_of_that_size_equals_the_plain_scan():
    cell = recur.LSTM(FEWEST // 2**6)
    params = cell.init(jax.random.key(0), 3)
    carry, xs = cell.init_carry((2**4,), params=params), jnp.zeros((5, 2**4, 3))
    args = params, *random_like(1, (carry, xs))
    rolls = (
        partial(recur.unroll, cell, implementation=implementation)
        for implementation in ("chunked", "scan")
    )
    # Sums over 512 units round more than those of the contract's small cells.
    both = (jax.jit(with_gradients(roll))(*args) for roll in rolls)
    chex.assert_trees_all_close(*both, rtol=2e-5, atol=2e-5)
