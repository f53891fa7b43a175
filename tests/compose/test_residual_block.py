"""Blocks of linear recurrences, against NumPy and a plain loop."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.reference import ssm
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

T, B, I, H, N = 6, 3, 2, 4, 3  # noqa: E741
CELL = recur.ResidualBlock(recur.LRU(H, state_size=N))
KEY = jax.random.key(0)


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def reference(params, xs):
    """The equations in NumPy, with the recurrence of the reference."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
    us = np.asarray(xs, np.float64)
    us = us if p.w_ih is None else us @ p.w_ih + p.b_ih
    centred = us - us.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    of = p.cell
    b = ssm.matrix(*np.split(of.w_ih, 2, -1))
    c = ssm.matrix(*np.split(of.w_ho, 2))
    q = ssm.matrix(np.zeros((B, N)), np.zeros((B, N)))
    entering = p.gain * normed + p.shift
    _, ys = ssm.lru(of.nu, of.theta, of.gamma, b, c, of.d, q, entering)
    value, gate = np.split(gelu(ys) @ p.w + p.b, 2, axis=-1)
    return np.float32(us + value / (1 + np.exp(-gate)))


@pytest.mark.parametrize("size", [H, I], ids=["same-size", "projected"])
def test_it_equals_its_equations(size):
    params = random_like(0, CELL.init(KEY, size))
    xs = random_like(1, jnp.zeros((T, B, size)))
    assert isinstance(params, recur.ResidualBlockParams)
    _, ys = interpreted(partial(recur.unroll, CELL))(params, None, xs)
    assert_close(ys, reference(params, xs))


def test_a_stack_streams_and_its_gradients_are_those_of_a_loop():
    stack = recur.Stack((CELL, recur.ResidualBlock(recur.MinGRU(H))))
    params = random_like(0, stack.init(KEY, I))
    xs, lengths = random_like(1, jnp.zeros((T, B, I))), jnp.array([T, 0, 4])

    def loss(roll, params, xs):
        last, ys = roll(stack, params, None, xs, seq_lengths=lengths)
        return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves((last, ys)))

    def in_two(cell, params, carry, xs, *, seq_lengths):
        carry, first = recur.unroll(
            cell, params, carry, xs[:2], seq_lengths=jnp.minimum(seq_lengths, 2)
        )
        rest = jnp.maximum(seq_lengths - 2, 0)
        carry, second = recur.unroll(cell, params, carry, xs[2:], seq_lengths=rest)
        return carry, jnp.concatenate([first, second])

    rolls = recur.unroll, in_two, recur.static_unroll
    whole, pieces, loop = (
        interpreted(jax.value_and_grad(partial(loss, roll), (0, 1)))(params, xs)
        for roll in rolls
    )
    assert_close(whole, loop)
    assert_close(pieces, loop)


def test_each_block_is_rolled_as_the_cell_inside():
    told = str(recur.explain(CELL, CELL.init(KEY, I), None, jnp.ones((T, B, I))))
    assert told.startswith("LRU: chunked, a linear recurrence")


def test_masks_fit_what_enters_the_cell_inside():
    cell = recur.ResidualBlock(recur.VariationalDropout(recur.GRU(H), 0.5, 0.5))
    params, xs = cell.init(KEY, I), random_like(1, jnp.zeros((T, B, I)))
    drawn = recur.draw_masks(cell, KEY, params, xs)
    (_, ys), (_, zs) = (
        interpreted(partial(roll, cell))(drawn, None, xs)
        for roll in (recur.unroll, recur.static_unroll)
    )
    assert_close(ys, zs)
    assert not np.allclose(
        ys, interpreted(partial(recur.unroll, cell))(params, None, xs)[1]
    )
