"""Cells made of cells: what each adds to the laws that all of them obey."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.reference.elman import elman_unit
from tests.support.interpreter import interpreted


def test_the_worked_example_of_the_textbook():
    rng = np.random.default_rng(0)
    v, u, w = (rng.normal(size=s).astype(np.float32) for s in ((5, 3), (5, 5), (4, 5)))
    b_a, b_y = (rng.normal(size=s).astype(np.float32) for s in (5, 4))
    a, xs = np.zeros(5, np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    unit = recur.Readout(recur.Elman(5), 4, activation=jax.nn.softmax)
    params = recur.ReadoutParams(recur.ElmanParams(v.T, u.T, b_a), w.T, b_y)
    last, ys = recur.unroll(unit, params, a, xs)
    expected_last, expected = elman_unit(v, u, w, b_a, b_y, a, xs)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    np.testing.assert_allclose(ys.sum(-1), 1, atol=1e-6)


def test_a_stack_equals_its_layers_rolled_one_after_the_other():
    lower, upper = recur.LSTM(4), recur.GRU(5)
    stack = recur.Stack((lower, upper))
    params, carry = stack.init(jax.random.key(0), 3), stack.init_carry((2,))
    xs = jax.random.normal(jax.random.key(1), (6, 2, 3))
    last, ys = recur.unroll(stack, params, carry, xs)
    first, hs = recur.unroll(lower, params[0], carry[0], xs)
    second, expected = recur.unroll(upper, params[1], carry[1], hs)
    np.testing.assert_allclose(ys, expected, atol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), last, (first, second)
    )


def test_a_stack_of_functions():
    double = lambda params, carry, x: (carry + 1, 2 * x)
    stack = recur.Stack((double, double))
    last, ys = recur.unroll(stack, (None, None), (0, 0), jnp.arange(3.0))
    np.testing.assert_array_equal(ys, [0, 4, 8])
    assert last == (3, 3)


def test_stacks_are_values():
    one, other = (recur.Stack(kind((recur.LSTM(4),))) for kind in (tuple, list))
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.slow
def test_a_learned_carry_gets_its_gradient_from_every_row():
    cell = recur.LearnedCarry(recur.GRU(4))
    params = cell.init(jax.random.key(0), 3)
    assert isinstance(params, recur.LearnedCarryParams)
    xs = jax.random.normal(jax.random.key(1), (5, 2, 3))

    def loss(params, rows):
        carry = cell.init_carry((len(rows),), params=params)
        return recur.unroll(cell, params, carry, xs[:, rows])[1].sum()

    slope = jax.grad(loss)
    whole, one, two = (
        interpreted(partial(slope, rows=np.array(rows)))(params)
        for rows in ([0, 1], [0], [1])
    )
    assert np.abs(whole.carry).max() > 1e-3
    np.testing.assert_allclose(whole.carry, one.carry + two.carry, atol=1e-5)


def test_a_learned_carry_inside_a_stack():
    cell = recur.Stack((recur.LearnedCarry(recur.LSTM(4)), recur.GRU(5)))
    params = cell.init(jax.random.key(0), 3)
    params[0].carry.c[:].block_until_ready()
    moved = (params[0]._replace(carry=recur.LSTMCarry(*2 * [jnp.ones(4)])), params[1])
    carry = cell.init_carry((2,), params=moved)
    np.testing.assert_array_equal(carry[0].c, np.ones((2, 4)))
    np.testing.assert_array_equal(carry[1], np.zeros((2, 5)))


def test_cells_know_the_protocol():
    for cell in (
        recur.LSTM(4),
        recur.Stack((recur.LSTM(4),)),
        recur.Readout(recur.GRU(3), 2),
    ):
        assert isinstance(cell, recur.Cell)
