"""The carry that a roll and its segments begin with, where none was given."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.training import tbptt
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

XS = random_like(0, jnp.zeros((6, 2, 3)))
RESET = np.zeros((6, 2), bool)
RESET[2, 0] = RESET[4, 1] = RESET[0, 1] = True
CELL = recur.Stack((recur.LearnedCarry(recur.GRU(4)), recur.LSTM(3)))
PARAMS = random_like(1, CELL.init(jax.random.key(0), 3))


def by_loop(params, xs=XS):
    """Starts anew by hand, from what the cell itself begins with."""
    anew = carry = CELL.init_carry((2,), params=params)
    ys = []
    for x, start in zip(xs, RESET, strict=True):
        choose = lambda a, b: jnp.where(start[:, None], a, b)  # noqa: B023
        carry = jax.tree.map(choose, anew, carry)
        carry, y = CELL.step(params, carry, x)
        ys.append(y)
    return carry, jnp.stack(ys)


def squares(roll):
    return lambda params: sum(jnp.sum(a**2) for a in jax.tree.leaves(roll(params)))


def outputs(tree):
    """Without the extra outputs of a step that has some."""
    carry, ys = tree
    return carry, ys[0] if isinstance(ys, tuple) else ys


@cache
def expected():
    """What the loop gives, and its gradient."""
    return interpreted(lambda p: (by_loop(p), jax.grad(squares(by_loop))(p)))(PARAMS)


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    "roll",
    [
        lambda p: recur.unroll(CELL, p, None, XS, reset=RESET),
        lambda p: recur.unroll(CELL, p, None, XS, reset=RESET, remat=2),
        lambda p: recur.static_unroll(CELL, p, None, XS, reset=RESET),
        lambda p: recur.unroll(recur.emit_carry(CELL), p, None, XS, reset=RESET),
        lambda p: recur.unroll(recur.emit_named(CELL), p, None, XS, reset=RESET),
        lambda p: recur.unroll_loss(
            CELL, lambda y, _: y, p, None, XS, jnp.zeros((6, 2)), reset=RESET
        ),
    ],
    ids=["unroll", "remat", "loop", "emit_carry", "emit_named", "loss"],
)
def test_segments_of_a_cell_start_from_its_own_first_carry(roll):
    slope = jax.grad(squares(lambda p: outputs(roll(p))))
    values, ours = interpreted(lambda p: (outputs(roll(p)), slope(p)))(PARAMS)
    assert np.abs(ours[0].carry).max() > 0.1
    assert_close((values, ours), expected())


def test_a_loss_reads_the_batch_axes_off_the_inputs_alone():
    targets = jnp.zeros((6, 2, 5))
    loss_fn = lambda y, target: jnp.sum(y**2, -1) + jnp.sum(target, -1)

    def total(carry_of):
        roll = lambda p: recur.unroll_loss(CELL, loss_fn, p, carry_of(p), XS, targets)
        return interpreted(jax.value_and_grad(lambda p: roll(p)[1].sum()))(PARAMS)

    assert_close(
        total(lambda p: None), total(lambda p: CELL.init_carry((2,), params=p))
    )
    args = CELL, lambda y, t: loss_fn(y, t).sum(), PARAMS
    made = CELL.init_carry((2,), params=PARAMS)
    assert_close(
        tbptt(*args, None, XS, targets, window=3),
        tbptt(*args, made, XS, targets, window=3),
    )


def test_segments_of_a_function_start_from_zeros():
    count = lambda params, carry, x: (carry + x, carry + x)
    reset = np.array([False, False, True])
    _, ys = recur.unroll(count, None, jnp.float32(10), jnp.ones(3), reset=reset)
    np.testing.assert_array_equal(ys, [11, 12, 1])


def test_a_bound_step_is_a_function():
    anew = recur.unroll(CELL.step, PARAMS, CELL.init_carry((2,), params=PARAMS), XS)
    assert_close(anew, recur.unroll(CELL, PARAMS, None, XS))
    with pytest.raises(TypeError):
        recur.unroll(CELL.step, PARAMS, None, XS)


def test_the_carry_has_the_dtype_that_was_given():
    cell = recur.GRU(4)
    params, xs = jax.tree.map(
        lambda a: a.astype(jnp.bfloat16), (cell.init(jax.random.key(0), 3), XS)
    )
    carry = jnp.ones((2, 4), jnp.bfloat16)
    last, _ = recur.unroll(cell, params, carry, xs, reset=RESET)
    assert last.dtype == jnp.bfloat16


@pytest.mark.quick(6)
@pytest.mark.parametrize(
    ("time", "xs"),
    [
        ({}, XS),
        ({"time_major": False}, XS.swapaxes(0, 1)),
        ({"seq_lengths": [6, 3]}, XS),
        ({"mask": ~RESET}, XS),
        ({"mask": ~RESET.T, "time_major": False}, XS.swapaxes(0, 1)),
    ],
)
@pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])
def test_no_carry_is_the_cell_s_own_for_the_batch_of_xs(roll, time, xs):
    cell = recur.LearnedCarry(recur.GRU(4))
    params = random_like(2, cell.init(jax.random.key(0), 3))
    own = cell.init_carry((2,), params=params)
    assert_close(
        roll(cell, params, None, xs, **time), roll(cell, params, own, xs, **time)
    )


def test_batch_axes_of_integers_are_all_that_follow_time():
    class Embedding:
        output_size = 4

        def init(self, key, input_size):
            return jax.random.normal(key, (input_size, 4))

        def init_carry(self, batch_shape=(), *, params=None):
            return jnp.ones((*batch_shape, 4))

        def step(self, params, carry, x):
            carry = jnp.tanh(carry + params[x])
            return carry, carry

    params = Embedding().init(jax.random.key(0), 5)
    words = jnp.array([[0, 1], [2, 3], [4, 0]])
    carry, _ = recur.unroll(Embedding(), params, None, words)
    assert_close(carry, recur.unroll(Embedding(), params, jnp.ones((2, 4)), words)[0])


def test_no_carry_and_several_inputs_are_refused():
    xs = {"a": XS, "b": XS}
    with pytest.raises(ValueError, match=r"carry is None and xs has 2 arrays"):
        recur.unroll(CELL, PARAMS, None, xs)


def test_a_function_without_a_carry_keeps_none():
    step = lambda params, carry, x: (None, params * x)
    carry, ys = recur.unroll(step, 2.0, None, jnp.arange(3.0))
    assert carry is None
    np.testing.assert_array_equal(ys, [0, 2, 4])
