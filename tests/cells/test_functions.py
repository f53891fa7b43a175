"""The three functions of a cell, and the specification that binds their options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur

FUNCTIONS = {
    recur.Elman: (recur.elman_init, recur.elman_init_carry, recur.elman_step),
    recur.LSTM: (recur.lstm_init, recur.lstm_init_carry, recur.lstm_step),
    recur.GRU: (recur.gru_init, recur.gru_init_carry, recur.gru_step),
}


@pytest.mark.parametrize("specification", FUNCTIONS)
def test_a_specification_is_its_functions(specification):
    init, init_carry, step = FUNCTIONS[specification]
    cell, key, x = specification(5), jax.random.key(0), jnp.ones((2, 3))
    params, carry = init(key, 3, 5), init_carry(5, (2,))
    made = cell.init(key, 3), cell.init_carry((2,)), cell.step(params, carry, x)
    jax.tree.map(
        np.testing.assert_array_equal, made, (params, carry, step(params, carry, x))
    )
    assert all(not leaf.any() for leaf in jax.tree.leaves(carry))


@pytest.mark.parametrize("specification", FUNCTIONS)
def test_functions_take_numpy(specification):
    _, _, step = FUNCTIONS[specification]
    cell = specification(5)
    params, carry = cell.init(jax.random.key(0), 3), cell.init_carry((2,))
    x = np.ones((2, 3), np.float32)
    in_numpy = jax.tree.map(np.asarray, (params, carry))
    _, y = step(*in_numpy, x)
    np.testing.assert_array_equal(y, step(params, carry, x)[1])
    rolled = recur.unroll(step, *in_numpy, x[None])[1]
    np.testing.assert_allclose(rolled[0], y, atol=1e-6)
