"""Law 9: values and gradients against float64 equations from the papers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support.draw import draw, weights_like
from tests.support.interpreter import interpreted
from tests.support.rolled import rolled

# Relative to the largest entry of an array, as sums round.
VALUES, GRADIENTS, EXACT = 1e-6, 1e-5, 1e-14


def assert_relative(actual, expected, tolerance):
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    for ours, theirs in pairs:
        scale = max(1.0, np.abs(theirs).max(initial=0.0))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


def in_numpy(tree):
    return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


def weigh(tree):
    return sum(np.sum(weights_like(a.real) * a) for a in jax.tree.leaves(tree))


def complex_step(loss, args, tiny=1e-30):
    """The gradient of ``loss`` in every entry, exact to float64 rounding."""
    leaves, structure = jax.tree.flatten(args)
    grads = [np.zeros_like(leaf) for leaf in leaves]
    for n, leaf in enumerate(leaves):
        for index in np.ndindex(leaf.shape):
            moved = leaf.astype(complex)
            moved[index] += 1j * tiny
            changed = [*leaves[:n], moved, *leaves[n + 1 :]]
            value = loss(*jax.tree.unflatten(structure, changed))
            grads[n][index] = np.imag(value) / tiny
    return jax.tree.unflatten(structure, grads)


@pytest.fixture
def equations(case):
    if case.reference is None:
        pytest.skip(f"{case.name} is made of cells that have equations of their own")
    return case.reference


@pytest.mark.parametrize("batch_shape", [(), (2,)])
def test_values(case, equations, batch_shape):
    drawn = {"batch_shape": batch_shape, "steps": 9, "dtype": jnp.float32}
    cell, *args = draw(case, **drawn)
    expected = equations(*in_numpy(args))
    values = interpreted(functools.partial(recur.unroll, cell))(*args)
    assert_relative(values, expected, VALUES)


@pytest.mark.usefixtures("x64")
def test_float64_is_float64(case, equations):
    """Values, and gradients against the equations' own."""
    args, (values, grads) = in_numpy(draw(case)[1:]), rolled(case)
    assert_relative(values, equations(*args), EXACT)
    exact = complex_step(lambda *a: weigh(equations(*a)), tuple(args))
    assert_relative(grads, exact, 10 * EXACT)
