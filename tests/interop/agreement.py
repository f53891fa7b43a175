"""One loss on both sides, and what its values and gradients must agree in."""

import jax
import jax.numpy as jnp
import numpy as np

import recur
from tests.support.draw import quickly


def sequence(*shape, seed=0, dtype=np.float32):
    """Random inputs, carries or cotangents."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def random_carry(cell, batch, seed=0):
    """A carry that is not zero."""
    zeros = cell.init_carry((batch,))
    leaves, tree = jax.tree.flatten(zeros)
    drawn = [
        jnp.asarray(sequence(*a.shape, seed=seed + n)) for n, a in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, drawn)


def random_params(cell, input_size, seed=0):
    """Params of which none is zero: biases too."""
    shapes = jax.eval_shape(lambda key: cell.init(key, input_size), jax.random.key(0))
    leaves, tree = jax.tree.flatten(shapes)
    drawn = [
        jnp.asarray(0.5 * sequence(*a.shape, seed=seed + 50 + n), a.dtype)
        for n, a in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, drawn)


def loss_of(outputs):
    """Every output times a weight of its own, so that gradients tell them apart."""
    total = 0.0
    for n, y in enumerate(jax.tree.leaves(outputs)):
        total = total + jnp.sum(sequence(*y.shape, seed=100 + n).astype(y.dtype) * y)
    return total


def roll(network, xs, carry=None, **time):
    """Outputs and last carry of a pair ``(cell, params)``."""
    cell, params = network
    carry = cell.init_carry(xs.shape[1:2]) if carry is None else carry
    last, ys = recur.unroll(cell, params, carry, xs, **time)
    return ys, last


def rolled(network, xs, carry=None, **time):
    """What ``roll`` gives, as one program that is quick to compile."""
    cell, params = network
    run = lambda params, xs, carry: roll((cell, params), xs, carry, **time)
    return quickly(run)(params, xs, carry)


def assert_close(ours, theirs, tolerance=1e-5):
    """Agreement leaf by leaf, relative to the largest entry."""
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert one.shape == other.shape
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, atol=tolerance * scale, rtol=0)


def assert_same(ours, theirs):
    """The same tree of the same numbers in the same dtypes."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
