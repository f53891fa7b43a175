"""Law 9 for cells that no paper has: derivatives against central differences."""

import functools

import jax
import numpy as np
import pytest

import recur
from tests.cases import CASES
from tests.support.draw import draw, loss_of, random_like, weights_like
from tests.support.interpreter import interpreted
from tests.support.rolled import rolled

# The others have exact derivatives of their equations in test_reference.py.
NO_PAPER = {case.name for case in CASES if case.reference is None}
EPSILON, BOUND = 1e-5, {"rtol": 1e-6, "atol": 1e-6}


def dot(one, other):
    pairs = zip(*map(jax.tree.leaves, (one, other)), strict=True)
    return sum(np.sum(np.asarray(a) * np.asarray(b)) for a, b in pairs)


@pytest.mark.usefixtures("x64")
def test_central_differences(case):
    if case.name not in NO_PAPER:
        pytest.skip(f"{case.name} is held to the equations of its paper")
    cell, *args = draw(case)
    along = random_like(1, args)

    def moved(by):
        there = jax.tree.map(lambda a, d: a + by * np.asarray(d), args, along)
        values, _ = rolled(case, *there)
        return dot(jax.tree.map(weights_like, values), values)

    slope = (moved(EPSILON) - moved(-EPSILON)) / (2 * EPSILON)
    loss = loss_of(functools.partial(recur.unroll, cell))
    tangent = interpreted(lambda args, along: jax.jvp(loss, args, along)[1])
    forward = tangent(tuple(args), tuple(along))
    np.testing.assert_allclose(forward, slope, **BOUND)
    np.testing.assert_allclose(dot(rolled(case)[1], along), slope, **BOUND)
