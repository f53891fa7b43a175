"""Law 11: bad input is refused in one sentence that says what to do about it."""

import re

import jax
import jax.numpy as jnp
import pytest

import recur

KEY = jax.random.key(0)
CELLS = {
    "elman_step": recur.Elman(5),
    "lstm_step": recur.LSTM(5),
    "gru_step": recur.GRU(5),
}


@pytest.fixture(params=CELLS.items(), ids=lambda row: row[0])
def row(request):
    """Name of a step, its cell, and good params, carry and xs."""
    name, cell = request.param
    return name, cell, cell.init(KEY, 3), cell.init_carry((2,)), jnp.ones((4, 2, 3))


def refused(kind, *words):
    return pytest.raises(kind, match=".*".join(map(re.escape, words)))


def test_last_axis_of_x(row):
    name, cell, params, carry, xs = row
    with refused(
        ValueError, f"{name}: x is float32[2, 2]", "last axis of 3", "input_size=2"
    ):
        recur.unroll(cell, params, carry, xs[..., :2])


def test_leading_axes(row):
    name, cell, params, carry, xs = row
    with refused(ValueError, f"{name}: x is float32[1, 3]", "batch_shape=(1,)"):
        recur.unroll(cell, params, carry, xs[:, :1])


def test_integer_x(row):
    name, cell, params, carry, xs = row
    with refused(TypeError, f"{name}: x is int32[2, 3]", "floating", "jax.nn.one_hot"):
        recur.unroll(cell, params, carry, xs.astype(jnp.int32))


def test_x_that_is_no_array(row):
    name, cell, params, carry, _ = row
    with refused(TypeError, f"{name}: x is a list", "expected an array", "jnp.asarray"):
        cell.step(params, carry, [1.0, 2.0, 3.0])


def test_carry_of_another_cell(row):
    name, cell, params, _carry, xs = row
    other = jnp.zeros((2, 5)) if name == "lstm_step" else recur.LSTM(5).init_carry((2,))
    with refused(TypeError, f"{name}: carry is", "expected"):
        recur.unroll(cell, params, other, xs)


def test_carry_of_another_size(row):
    name, cell, params, _carry, xs = row
    other = type(cell)(4).init_carry((2,))
    with refused(ValueError, f"{name}: carry", "float32[2, 4]", "expected", "(2, 5)"):
        recur.unroll(cell, params, other, xs)


def test_params_of_another_cell(row):
    name, cell, _, carry, xs = row
    other = recur.Elman if name != "elman_step" else recur.LSTM
    with refused(TypeError, f"{name}: params is a", "expected", "Make it with"):
        recur.unroll(cell, other(5).init(KEY, 3), carry, xs)


@pytest.mark.parametrize("field", ["w_ih", "w_hh", "b"])
def test_params_of_another_size(row, field):
    name, cell, params, carry, xs = row
    params = params._replace(**{field: getattr(params, field)[..., :-1]})
    with refused(ValueError, f"{name}: params.{field} is float32", "expected"):
        recur.unroll(cell, params, carry, xs)


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one(row, size):
    _, cell, *_ = row
    with refused(ValueError, f"hidden_size is {size}", "positive integer"):
        type(cell)(size)
    with refused(ValueError, f"input_size is {size}", "positive integer"):
        cell.init(KEY, size)


@pytest.mark.parametrize("size", [2.0, "2", None, True])
def test_sizes_that_are_no_integers(row, size):
    _, cell, *_ = row
    with refused(TypeError, "hidden_size is", "positive integer"):
        type(cell)(size)


def test_dtypes(row):
    _, cell, *_ = row
    with refused(TypeError, "compute_dtype is int32", "floating-point dtype"):
        type(cell)(5, compute_dtype=jnp.int32)


@pytest.mark.parametrize("key", [0, None, jnp.zeros(2), jax.random.split(KEY)])
def test_keys(row, key):
    _, cell, *_ = row
    with refused(TypeError, "key is", "one random key", "jax.random.key"):
        cell.init(key, 3)


def test_older_keys_are_taken(row):
    _, cell, *_ = row
    assert cell.init(jax.random.PRNGKey(0), 3).w_ih.shape[0] == 3


@pytest.mark.parametrize(("shape", "kind"), [(3, TypeError), ((-1,), ValueError)])
def test_batch_shapes(row, shape, kind):
    _, cell, *_ = row
    with refused(kind, "batch_shape is", "expected"):
        cell.init_carry(shape)


ROLLS = [recur.unroll, recur.static_unroll]


@pytest.mark.parametrize("roll", ROLLS)
class TestRoll:
    """What the roll refuses whatever the step."""

    def test_changed_dtype(self, roll):
        step = lambda params, carry, x: (x, x)
        with refused(TypeError, "returned carry as float32[]", "expected int32[]"):
            roll(step, None, jnp.int32(0), jnp.ones(3, jnp.float32))

    def test_changed_shape(self, roll):
        step = lambda params, carry, x: ({"h": x}, x)
        with refused(TypeError, "carry['h'] as float32[2]", "expected float32[1]"):
            roll(step, None, {"h": jnp.ones(1)}, jnp.ones((3, 2)))

    def test_changed_structure(self, roll):
        step = lambda params, carry, x: ((carry, x), x)
        with refused(TypeError, "structure", "expected", "Return (carry, y), in this"):
            roll(step, None, jnp.ones(1), jnp.ones((3, 1)))

    def test_no_pair(self, roll):
        step = lambda params, carry, x: carry
        with refused(TypeError, "step returned float32[1]", "the pair (carry, y)"):
            roll(step, None, jnp.ones(1), jnp.ones((3, 1)))

    def test_no_step(self, roll):
        with refused(TypeError, "step is int 3", "a function", "recur.LSTM(256)"):
            roll(3, None, None, jnp.ones(3))

    def test_different_lengths(self, roll):
        xs = {"a": jnp.ones(3), "b": jnp.ones(4)}
        with refused(ValueError, "xs['a']", "3", "xs['b']", "4", "expected the same"):
            roll(lambda p, c, x: (c, x), None, None, xs)

    def test_no_length(self, roll):
        with refused(ValueError, "xs has no arrays and length is None", "Pass length"):
            roll(lambda p, c, x: (c, x), None, None, None)

    def test_no_time_axis(self, roll):
        with refused(ValueError, "xs is float32[3]", "time axis at position 1"):
            roll(lambda p, c, x: (c, x), None, None, jnp.ones(3), time_major=False)


def test_stack_of_nothing():
    with refused(ValueError, "cells is empty", "one cell or more"):
        recur.Stack(())


def test_stack_with_params_of_fewer_layers():
    stack = recur.Stack((recur.LSTM(4), recur.LSTM(4)))
    params, carry = stack.init(KEY, 3), stack.init_carry()
    with refused(TypeError, "Stack.step: params is a tuple of 1", "tuple of 2"):
        stack.step(params[:1], carry, jnp.ones(3))
    with refused(TypeError, "Stack.step: carry is a tuple of 1", "tuple of 2"):
        stack.step(params, carry[:1], jnp.ones(3))


def test_readout_without_its_params():
    unit = recur.Readout(recur.Elman(5), 4)
    params = unit.init(KEY, 3)
    with refused(TypeError, "Readout.step: params is a ElmanParams", "ReadoutParams"):
        unit.step(params.cell, unit.init_carry(), jnp.ones(3))


def test_learned_carry_without_params():
    cell = recur.LearnedCarry(recur.LSTM(4))
    with refused(TypeError, "params is None", "LearnedCarryParams", "params=params"):
        cell.init_carry((2,))
