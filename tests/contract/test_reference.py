"""Law 9: values and gradients against float64 equations from the papers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.contract.data import draw, loss_of

pytestmark = pytest.mark.usefixtures("as_users_compile")

# Relative to the largest entry of an array, as float32 sums round.
VALUES, GRADIENTS = 1e-6, 1e-5


def assert_relative(actual, expected, tolerance):
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    for ours, theirs in pairs:
        scale = max(1.0, np.abs(theirs).max(initial=0.0))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


def in_numpy(tree):
    return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


def weigh(tree):
    total = 0.0
    for leaf in jax.tree.leaves(tree):
        total = total + np.sum(np.cos(1.0 + np.arange(leaf.size)) * leaf.ravel())
    return total


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


def roll_of(cell):
    return functools.partial(recur.unroll, cell)


@pytest.fixture
def equations(case):
    if case.reference is None:
        pytest.skip(f"{case.name} is made of cells that have equations of their own")
    return case.reference


@pytest.mark.parametrize("batch_shape", [(), (2,)])
def test_values(case, equations, batch_shape):
    cell, *args = draw(case, batch_shape=batch_shape, steps=9)
    expected = equations(*in_numpy(args))
    assert_relative(roll_of(cell)(*args), expected, VALUES)


def test_gradients(case, equations):
    cell, *args = draw(case)
    actual = jax.jit(jax.grad(loss_of(roll_of(cell)), (0, 1, 2)))(*args)
    exact = complex_step(lambda *a: weigh(equations(*a)), tuple(in_numpy(args)))
    assert_relative(actual, exact, GRADIENTS)


@pytest.mark.usefixtures("x64")
def test_float64_is_float64(case, equations):
    cell, *args = draw(case, dtype=jnp.float64)
    expected = equations(*in_numpy(args))
    assert_relative(roll_of(cell)(*args), expected, 1e-14)
