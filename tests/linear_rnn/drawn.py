"""Random params, carry and inputs of a cell, and its plain roll."""

import jax
import jax.numpy as jnp

import recur
from tests.support.draw import random_like

SIZE, H, B, T = 3, 4, 2, 6
KEY = jax.random.key(0)


def drawn(cell, size=SIZE, seed=1):
    """Params and a carry of a cell, and inputs, in float64."""
    params = cell.init(KEY, size)
    carry = cell.init_carry((B,), params=params)
    trees = params, carry, jnp.zeros((T, B, size))
    return random_like(seed, jax.tree.map(lambda a: a.astype("float64"), trees))


def joined(*weights):
    return jnp.concatenate(weights, axis=-1)


def split(a, parts):
    return jnp.split(a, parts, axis=-1)


def rolled(cell, params, carry, xs):
    return recur.unroll(cell, params, carry, xs, implementation="scan")


def outputs(*args):
    return rolled(*args)[1]
