"""Rolls that jax.export writes, with sizes that are not known yet."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import recur
from recur._roll.flags import check_lengths
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

CELL = recur.Stack((recur.LSTM(4), recur.Readout(recur.GRU(3), 2)))
PARAMS = CELL.init(jax.random.key(0), 3)
FLAGS = {
    "none": lambda b: {},
    "lengths": lambda b: {"seq_lengths": jnp.full(b, 2), "remat": None},
    "reverse": lambda b: {"reverse": True, "scan_unroll": 1},
}


def loss(params, xs, flags="none"):
    carry, ys = recur.unroll(CELL, params, None, xs, **FLAGS[flags](xs.shape[1]))
    return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(a) for a in jax.tree.leaves(carry))


@pytest.mark.quick(1)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("sizes", ["t, b, 3", "5, b, 3"])
def test_one_program_is_right_at_many_sizes(sizes, flags):
    function = jax.value_and_grad(lambda params, xs: loss(params, xs, flags))
    xs = jax.ShapeDtypeStruct(export.symbolic_shape(sizes), jnp.float32)
    exported = export.export(jax.jit(function))(PARAMS, xs)
    for steps, rows in ((5, 2), (3, 4)):
        shape = tuple(
            n if isinstance(n, int) else m
            for n, m in zip(xs.shape, (steps, rows, 3), strict=True)
        )
        here = random_like(steps, jnp.zeros(shape))
        assert_close(exported.call(PARAMS, here), interpreted(function)(PARAMS, here))


def test_what_cannot_be_cut_is_refused():
    xs = jax.ShapeDtypeStruct(export.symbolic_shape("t, 2, 3"), jnp.float32)
    roll = lambda xs: recur.unroll(CELL, PARAMS, None, xs, remat="sqrt")
    with pytest.raises(ValueError, match="the number of steps is a symbol; expected"):
        export.export(jax.jit(roll))(xs)


def test_a_step_is_written_and_read_back():
    pytest.importorskip("flatbuffers", reason="flatbuffers is not installed")
    carry, x = CELL.init_carry((2,), params=PARAMS), jnp.ones((2, 3))
    written = export.export(jax.jit(CELL.step))(PARAMS, carry, x).serialize()
    read = export.deserialize(bytearray(written)).call(PARAMS, carry, x)
    assert jax.tree.structure(read) == jax.tree.structure((carry, x))
    assert_close(read, CELL.step(PARAMS, carry, x))


def test_lengths_of_another_process_are_not_looked_at():
    lengths = np.array([9, 1], np.int32).view(_Elsewhere)
    assert check_lengths("test", lengths, 5).tolist() == [9, 1]


class _Elsewhere(np.ndarray):
    """An array that a process does not have all of."""

    is_fully_addressable = False
