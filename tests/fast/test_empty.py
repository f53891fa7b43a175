"""Nothing of something: rolls over no rows have gradients of zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur

CELLS = [
    recur.Elman(3),
    recur.LSTM(3),
    recur.GRU(3),
    recur.GRU(3, reset_after=False),
    recur.Readout(recur.GRU(3), 2),
]


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
