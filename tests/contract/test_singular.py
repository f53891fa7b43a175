"""Law 5 for steps that have no derivative at zero: padding must not bring zeros in.

The plain loop never takes a step that is not valid.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support import oracle
from tests.support.draw import assert_close, draw, with_gradients
from tests.support.interpreter import traced

pytestmark = [pytest.mark.of_rolls, pytest.mark.usefixtures("x64")]

# Rows of no step, some and more: padded at the end, with holes, and of no step at all.
PADDED = np.array([[0, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 1]], bool)
HOLES = np.array([[0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 0, 0]], bool)
NOTHING = np.zeros_like(HOLES)


def singular(step):
    """Directions and logarithms: neither values nor slopes are finite at zero."""

    def wrapped(params, carry, x):
        rows = x.ndim - 1  # Leaves may differ in the axes after those.
        square = lambda a: jnp.sum(a**2, axis=tuple(range(rows, a.ndim)))
        length = jnp.sqrt(sum(map(square, jax.tree.leaves(carry))))
        each = lambda a: jnp.expand_dims(length, range(rows, a.ndim))
        carry = jax.tree.map(lambda a: a / each(a), carry)
        direction = x / jnp.sqrt(jnp.sum(x**2, -1, keepdims=True))
        return step(params, carry, direction + jnp.log(jnp.abs(x)) / 8)

    return wrapped


@pytest.mark.quick(4)
@pytest.mark.parametrize("roll", [recur.unroll, recur.static_unroll])
def test_padding(case, roll):
    cell, params, carry, xs = draw(case)
    # A row of no steps may start at zero.
    carry = jax.tree.map(lambda a: jnp.asarray(a).at[0].set(0), carry)
    step, reverse = singular(cell.step), roll is recur.static_unroll

    def values_and_gradients(mask, *args):
        return with_gradients(partial(roll, step, mask=mask, reverse=reverse))(*args)

    run = traced(values_and_gradients, HOLES, params, carry, xs)
    for valid in (PADDED, HOLES, NOTHING):
        padded = np.where(valid[..., None], xs, 0)
        walk = {"valid": valid, "reverse": reverse}
        values, grads = oracle.roll(step, params, carry, xs, **walk)
        assert all(np.isfinite(a).all() for a in jax.tree.leaves((values, grads)))
        d_params, d_carry, _, d_xs = grads
        actual = run(valid, params, carry, padded)
        assert_close(actual, (values, (d_params, d_carry, d_xs)), jnp.float64)
