"""Networks to measure, and the plain loop and dense matrices they are held to."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import recur
from recur.initializers import Uniform
from tests.cases import UserCell
from tests.support.draw import random_like
from tests.support.interpreter import traced

OPTIONS = {"bias_init": Uniform(0.7), "dtype": jnp.float64}
CELLS = {
    "elman": recur.Elman(3, **OPTIONS),
    "gru": recur.GRU(3, **OPTIONS),
    "lstm": recur.LSTM(2, peephole=True, **OPTIONS),
    "projected": recur.LSTM(3, projection_size=2, **OPTIONS),
    "stack": recur.Stack((recur.LSTM(2, **OPTIONS), recur.GRU(3, **OPTIONS))),
    "user": recur.Readout(UserCell(3, jnp.float64), 2, dtype=jnp.float64),
}
# The stack has the LSTM and the GRU in it.
EACH = ("elman", "projected", "stack", "user")


@cache
def network(name, *, batch_shape=(2,), steps=4):
    """``(cell, params, carry, xs)`` in float64, nothing of them zero."""
    cell = CELLS[name]
    params = cell.init(jax.random.key(0), 2)
    carry = random_like(1, cell.init_carry(batch_shape))
    return cell, params, carry, random_like(2, jnp.zeros((steps, *batch_shape, 2)))


def carries(step, params, carry, xs):
    """The carry that enters each step, from a plain loop."""
    found, step = [carry], traced(step, params, carry, xs[0])
    for x in xs[:-1]:
        found.append(step(params, found[-1], x)[0])
    return found


def outputs(step, params, carry, xs):
    """The outputs of a plain loop."""
    ys = []
    for x in xs:
        carry, y = step(params, carry, x)
        ys.append(y)
    return jnp.stack(ys)


def jacobians(step, params, carry, xs, row):
    """The dense Jacobian of each step, by forward mode on one row alone."""
    pick = lambda tree: jax.tree.map(lambda a: a[row], tree)

    def dense(s, x):
        vector, shape = ravel_pytree(s)
        advance = lambda v: ravel_pytree(step(params, shape(v), x)[0])[0]
        return jax.jacfwd(advance)(vector)

    dense = traced(dense, pick(carry), xs[0, row])
    entering = carries(step, params, carry, xs)
    return [dense(pick(s), x[row]) for s, x in zip(entering, xs, strict=True)]


def product(matrices):
    """The product, the last one leftmost."""
    whole = np.eye(len(matrices[0]))
    for matrix in matrices:
        whole = matrix @ whole
    return whole


def squares(ys):
    """Losses ``[T, B]`` that see each output with a weight of its own."""
    weights = 1 + jnp.arange(ys.size, dtype=ys.dtype).reshape(ys.shape) / 7
    return jnp.sum(weights * ys**2, axis=-1)


def linear(params, carry, x):
    """The linear network: its Jacobian is ``params`` at every step."""
    return carry @ params.T, carry
