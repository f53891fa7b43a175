"""Triangular systems against NumPy, and their derivatives against those of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur._ops.unit_lower import solve_unit_lower
from tests.support.draw import assert_close, random_like

pytestmark = pytest.mark.usefixtures("x64")


def data(length, batch=(2,)):
    shapes = (*batch, length, length), (*batch, length, 3)
    trees = [jax.ShapeDtypeStruct(shape, "float64") for shape in shapes]
    return random_like(0, trees, scale=0.3)


@pytest.mark.quick(2)
@pytest.mark.parametrize("length", [1, 5, 16, 35])
def test_solves(length):
    a, b = data(length)
    whole = np.eye(length) + np.tril(a, -1)
    assert_close(solve_unit_lower(a, b), np.linalg.solve(whole, b))


def test_is_as_exact_where_all_keys_are_alike():
    a, b = jnp.ones((64, 64), jnp.float32), jnp.ones((64, 1), jnp.float32)
    assert_close(solve_unit_lower(a, b)[:, 0], np.eye(64, dtype=np.float32)[0])


@pytest.mark.slow
def test_derivatives_of_first_and_second_order():
    a, b = data(19)

    def plain(a, b):
        eye = jnp.broadcast_to(jnp.eye(19), a.shape)
        return jnp.linalg.solve(eye + jnp.tril(a, -1), b)

    def both(solve):
        slopes = jax.grad(lambda a, b: jnp.sum(jnp.sin(solve(a, b))), (0, 1))
        steep = lambda a, b: sum(jnp.sum(g**2) for g in slopes(a, b))
        return slopes(a, b), jax.grad(steep, (0, 1))(a, b)

    assert_close(both(solve_unit_lower), both(plain))
