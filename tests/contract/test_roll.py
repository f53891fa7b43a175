"""Laws 1 to 4 and 6: what a roll of any cell must equal."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support import oracle
from tests.support.draw import assert_close, draw, with_gradients
from tests.support.interpreter import interpreted
from tests.support.rolled import rolled

pytestmark = pytest.mark.usefixtures("x64")

DTYPES = [jnp.float32, jnp.bfloat16, jnp.float64]
by_roll = pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])


def assert_equals_the_loop(roll, case, *, reverse=False, **drawn):
    """A roll has the values of the plain loop, and its gradients in all arguments."""
    _, *args = draw(case, **drawn)
    actual = interpreted(with_gradients(roll))(*args)
    expected = oracle.of_row(case, reverse=reverse, **drawn)
    assert_close(actual, expected, args[2].dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)
def test_law_1_step_keeps_the_type_of_the_carry(case, dtype):
    cell, params, carry, xs = draw(case, dtype=dtype)
    new_carry, y = jax.eval_shape(cell.step, params, carry, np.asarray(xs)[0])
    assert jax.tree.structure(new_carry) == jax.tree.structure(carry)
    for old, new in zip(*map(jax.tree.leaves, (carry, new_carry)), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert y.dtype == dtype
    assert y.shape == (3, cell.output_size)


# In float32 as users compile it, in test_compiled.py.
def test_law_2_unroll_equals_the_loop(case):
    assert_close(rolled(case), oracle.of_row(case), jnp.float64)


def test_law_2_unroll_equals_the_loop_in_bfloat16(case):
    drawn = {"dtype": jnp.bfloat16, "batch_shape": (2,)}
    roll = functools.partial(recur.unroll, draw(case, **drawn)[0])
    assert_equals_the_loop(roll, case, **drawn)


def test_law_2_static_unroll_equals_the_loop(case):
    roll = functools.partial(recur.static_unroll, draw(case)[0])
    assert_equals_the_loop(roll, case)


@pytest.mark.of_rolls
def test_law_3_any_number_of_leading_axes(case):
    """None here under vmap with gradients, several in value."""
    roll = functools.partial(recur.unroll, draw(case)[0])
    for batch_shape in ((), (3, 2)):
        _, *args = draw(case, batch_shape=batch_shape)
        expected, _ = oracle.of_row(case, batch_shape=batch_shape)
        assert_close(interpreted(roll)(*args), expected, jnp.float64)


@pytest.mark.of_rolls
def test_law_3_vmap_equals_the_batch_axis(case):
    cell = draw(case)[0]

    def by_row(params, carry, xs):
        row = functools.partial(recur.unroll, cell, params)
        return jax.vmap(row, in_axes=(0, 1), out_axes=(0, 1))(carry, xs)

    assert_equals_the_loop(by_row, case)


def test_law_4_pieces_equal_the_whole(case):
    """Pieces of no step and of one, the carry handed over."""
    cell = draw(case)[0]

    def in_pieces(params, carry, xs):
        pieces = []
        for start, end in ((0, 0), (0, 1), (1, 2), (2, 3)):
            carry, ys = recur.unroll(cell, params, carry, xs[start:end])
            pieces.append(ys)
        return carry, jnp.concatenate(pieces)

    assert_equals_the_loop(in_pieces, case, steps=3)


@by_roll
@pytest.mark.of_rolls
def test_law_6_reverse_equals_flipping_and_batch_major_equals_time_major(case, roll):
    cell = draw(case)[0]

    def backwards(params, carry, xs):
        time = {"reverse": True, "time_major": False}
        carry, ys = roll(cell, params, carry, xs.swapaxes(0, 1), **time)
        return carry, ys.swapaxes(0, 1)

    assert_equals_the_loop(backwards, case, reverse=True)


@by_roll
@pytest.mark.of_rolls
def test_no_steps_change_nothing(case, roll):
    cell, params, carry, xs = draw(case)
    for time_major, shape in ((True, (0, 3)), (False, (3, 0))):
        run = functools.partial(roll, cell, time_major=time_major)
        empty = np.zeros((*shape, xs.shape[-1]))
        last, ys = interpreted(run)(params, carry, empty)
        assert_close(last, carry, jnp.float64)
        assert ys.shape == (*shape, cell.output_size)
