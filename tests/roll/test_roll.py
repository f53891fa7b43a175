"""The roll with steps that are not cells: any function, any pytrees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur

ROLLS = [recur.unroll, recur.static_unroll]


def running_sum(params, carry, x):
    carry = carry + params * x
    return carry, carry


@pytest.mark.parametrize("roll", ROLLS)
def test_any_function(roll):
    last, ys = roll(running_sum, 2.0, jnp.float32(1), jnp.arange(4.0))
    np.testing.assert_array_equal(ys, [1, 3, 7, 13])
    assert last == 13


@pytest.mark.parametrize("roll", ROLLS)
def test_any_pytree(roll):
    def step(params, carry, x):
        total = carry["n"] + x["a"] * x["b"][0]
        return {"n": total}, (total, {"twice": 2 * total})

    xs = {"a": jnp.arange(3.0), "b": jnp.ones((3, 2))}
    last, (ys, more) = roll(step, None, {"n": jnp.float32(0)}, xs, reverse=True)
    np.testing.assert_array_equal(ys, [3, 3, 2])
    np.testing.assert_array_equal(more["twice"], 2 * ys)
    assert last["n"] == 3


@pytest.mark.parametrize("roll", ROLLS)
def test_no_inputs_but_a_length(roll):
    def count(params, carry, x):
        assert x is None
        return carry + 1, carry

    last, ys = roll(count, None, jnp.int32(0), None, length=5)
    np.testing.assert_array_equal(ys, np.arange(5))
    assert last == 5
    assert roll(count, None, jnp.int32(0), None, length=0)[1].shape == (0,)


@pytest.mark.parametrize("roll", ROLLS)
def test_no_outputs(roll):
    last, ys = roll(lambda p, c, x: (c + x, None), None, jnp.float32(0), jnp.ones(3))
    assert last == 3
    assert ys is None


@pytest.mark.parametrize("roll", ROLLS)
def test_emit_carry(roll):
    cell = recur.LSTM(4)
    params = cell.init(jax.random.key(0), 3)
    carry = cell.init_carry((2,))
    xs = jax.random.normal(jax.random.key(1), (5, 2, 3))
    last, (ys, carries) = roll(recur.emit_carry(cell), params, carry, xs)
    np.testing.assert_array_equal(carries.h, ys)
    np.testing.assert_array_equal(carries.c[-1], last.c)
    _, plain = roll(recur.emit_carry(recur.lstm_step), params, carry, xs)
    np.testing.assert_array_equal(plain[1].c, carries.c)


def test_steps_that_cannot_be_hashed():
    class Unhashable:
        __hash__ = None

        def __call__(self, params, carry, x):
            return carry + x, carry

    last, _ = recur.unroll(Unhashable(), None, jnp.float32(0), jnp.ones(3))
    assert last == 3


def test_steps_that_close_over_what_is_differentiated():
    def loss(w):
        def step(params, carry, x):
            return carry * w + x, carry

        return recur.unroll(step, None, jnp.float32(1), jnp.ones(3))[0]

    # w³ + w² + w + 1
    assert jax.grad(loss)(2.0) == 17
    assert jax.jit(jax.grad(loss))(2.0) == 17


def test_scan_unroll_changes_nothing():
    cell = recur.GRU(4)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry()
    xs = jax.random.normal(jax.random.key(1), (7, 3))
    _, expected = recur.unroll(cell, params, carry, xs)
    _, ys = recur.unroll(cell, params, carry, xs, scan_unroll=3)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
