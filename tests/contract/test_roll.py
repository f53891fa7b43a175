"""Laws 1 to 4 and 6: what a roll of any cell must equal."""

import functools

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.contract.data import assert_close, assert_same, draw, loop, quickly

DTYPES = [jnp.float32, jnp.bfloat16, jnp.float64]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)
def test_law_1_step_keeps_the_type_of_the_carry(case, dtype):
    cell, params, carry, xs = draw(case, dtype=dtype)
    new_carry, y = jax.jit(cell.step)(params, carry, xs[0])
    assert jax.tree.structure(new_carry) == jax.tree.structure(carry)
    for old, new in zip(*map(jax.tree.leaves, (carry, new_carry)), strict=True):
        assert (old.shape, old.dtype) == (new.shape, new.dtype)
    assert y.dtype == dtype
    assert y.shape == (2, cell.output_size)


@pytest.mark.usefixtures("x64", "as_users_compile")
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)
def test_law_2_unroll_equals_the_loop(case, dtype):
    cell, *args = draw(case, dtype=dtype)
    roll = functools.partial(recur.unroll, cell)
    assert_same(roll, loop(cell.step), args, dtype, optimised=True)


def test_law_2_static_unroll_equals_the_loop(case):
    cell, *args = draw(case)
    assert_same(functools.partial(recur.static_unroll, cell), loop(cell.step), args)


@pytest.mark.parametrize("batch_shape", [(), (3, 2)])
def test_law_3_any_number_of_leading_axes(case, batch_shape):
    cell, *args = draw(case, batch_shape=batch_shape)
    roll = jax.jit(functools.partial(recur.unroll, cell))
    assert_close(roll(*args), quickly(loop(cell.step))(*args))


def test_law_3_vmap_equals_the_batch_axis(case):
    cell, *args = draw(case, batch_shape=(3,))
    roll = functools.partial(recur.unroll, cell)

    def by_row(params, carry, xs):
        row = functools.partial(recur.unroll, cell, params)
        return jax.vmap(row, in_axes=(0, 1), out_axes=(0, 1))(carry, xs)

    assert_same(by_row, roll, args)


@pytest.mark.parametrize("cut", [0, 1])
def test_law_4_two_halves_equal_the_whole(case, cut):
    cell, *args = draw(case)

    def in_halves(params, carry, xs):
        carry, first = recur.unroll(cell, params, carry, xs[:cut])
        carry, second = recur.unroll(cell, params, carry, xs[cut:])
        return carry, jnp.concatenate([first, second])

    assert_same(in_halves, functools.partial(recur.unroll, cell), args)


@pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])
def test_law_6_reverse_equals_flipping(case, roll):
    cell, *args = draw(case)

    def flipped(params, carry, xs):
        carry, ys = loop(cell.step)(params, carry, xs[::-1])
        return carry, ys[::-1]

    assert_same(functools.partial(roll, cell, reverse=True), flipped, args)


@pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])
def test_batch_major_equals_time_major(case, roll):
    cell, *args = draw(case)

    def batch_major(params, carry, xs):
        xs = xs.swapaxes(0, 1)
        carry, ys = roll(cell, params, carry, xs, time_major=False)
        return carry, ys.swapaxes(0, 1)

    assert_same(batch_major, functools.partial(recur.unroll, cell), args)


@pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])
def test_no_steps_change_nothing(case, roll):
    cell, params, carry, xs = draw(case)
    for time_major, empty in ((True, xs[:0]), (False, xs[:0].swapaxes(0, 1))):
        last, ys = roll(cell, params, carry, empty, time_major=time_major)
        assert_close(last, carry)
        shape = (0, 2) if time_major else (2, 0)
        assert ys.shape == (*shape, cell.output_size)
