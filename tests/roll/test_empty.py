"""Nothing of something: rolls over no rows have gradients of zero."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support.draw import assert_close

CELLS = [
    recur.Elman(3),
    recur.LSTM(3),
    recur.GRU(3),
    recur.GRU(3, reset_after=False),
    recur.Readout(recur.GRU(3), 2),
]


@pytest.mark.quick(4)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: type(cell).__name__)
@pytest.mark.parametrize("implementation", ["chunked", "scan"])
def test_no_rows_give_gradients_of_zero(cell, implementation):
    params = cell.init(jax.random.key(0), 4)

    def loss(params):
        xs, carry = jnp.zeros((5, 0, 4)), cell.init_carry((0,))
        return recur.unroll(cell, params, carry, xs, implementation=implementation)[
            1
        ].sum()

    value, grads = jax.value_and_grad(loss)(params)
    assert value == 0
    jax.tree.map(lambda g: np.testing.assert_array_equal(g, 0), grads)


def affine(params, carry, x):
    h = x @ params["u"] + carry @ params["w"]
    h = jnp.tanh(h + jnp.broadcast_to(params["b"], h.shape))
    return h, h


@pytest.mark.quick(3)
@pytest.mark.parametrize("implementation", ["chunked", "scan"])
@pytest.mark.parametrize("sizes", [(0, 4), (3, 0), (0, 0)])
@pytest.mark.parametrize("batch", [(), (2,), (0,)])
def test_axes_of_nothing(sizes, batch, implementation):
    input_size, size = sizes
    params = {"u": jnp.ones((input_size, size)), "w": jnp.full((size, size), 0.1)}
    params["b"] = jnp.ones(size)
    xs, carry = jnp.zeros((5, *batch, input_size)), jnp.zeros((*batch, size))

    def loss(roll, params):
        return jnp.sum(roll(affine, params, carry, xs)[1])

    rolled = partial(loss, partial(recur.unroll, implementation=implementation))
    found = jax.value_and_grad(rolled)(params)
    assert_close(found, jax.value_and_grad(partial(loss, recur.static_unroll))(params))


def test_no_steps_have_a_last_output_of_zero():
    for flags in ({}, {"seq_lengths": jnp.zeros(2, jnp.int32)}):
        last = recur.last_output(jnp.ones((0, 2, 3)), **flags)
        np.testing.assert_array_equal(last, np.zeros((2, 3)))
