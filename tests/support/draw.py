"""Random params, carry and inputs for a row, and what is compared of two rolls."""

from functools import cache
from zlib import crc32

import chex
import jax
import jax.numpy as jnp
import numpy as np

KEY = jax.random.key(0)
TOLERANCE = {
    jnp.dtype(jnp.float64): {"rtol": 1e-10, "atol": 1e-12},
    jnp.dtype(jnp.float32): {"rtol": 1e-5, "atol": 2e-6},
    jnp.dtype(jnp.bfloat16): {"rtol": 4e-2, "atol": 4e-2},
}


def random_like(seed, tree, scale=0.7):
    """A tree of the same shapes and dtypes, drawn from a normal distribution."""
    draw = np.random.default_rng(seed).normal
    return jax.tree.map(
        lambda a: jnp.asarray(scale * draw(size=a.shape), a.dtype), tree
    )


def draw(case, *, batch_shape=(3,), steps=4, dtype=None):
    """``(cell, params, carry, xs)`` with params, carry and inputs that are not zero.

    By default in float64 where that is switched on, and of three rows and four steps:
    two chunks, see the fixture ``case``. Of five steps there is one more, that is
    shorter.
    """
    widest = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32
    return _draw(case, tuple(batch_shape), steps, jnp.dtype(dtype or widest))


@cache
def _draw(case, batch_shape, steps, dtype):
    cell = case.with_dtype(dtype).cell
    params = _params(case, dtype)
    carry = jax.eval_shape(lambda p: cell.init_carry(batch_shape, params=p), params)
    xs = jax.ShapeDtypeStruct((steps, *batch_shape, case.input_size), dtype)
    return cell, *random_like(crc32(case.name.encode()), (params, carry, xs))


@cache
def _params(case, dtype):
    """Their shapes."""
    cell = case.with_dtype(dtype).cell
    return jax.eval_shape(lambda key: cell.init(key, case.input_size), KEY)


def weights_like(leaf):
    """Of each entry another, so that each has a gradient of its own."""
    return np.cos(1.0 + np.arange(leaf.size)).reshape(leaf.shape).astype(leaf.dtype)


def weigh(tree):
    """A weighted sum of all leaves."""
    leaves = jax.tree.leaves(tree)
    widest = max((leaf.dtype for leaf in leaves), key=lambda dtype: dtype.itemsize)
    sums = (jnp.sum(weights_like(leaf) * leaf) for leaf in leaves)
    return sum(a.astype(widest) for a in sums)


def loss_of(roll):
    """``(params, carry, xs) -> scalar`` from a roll, over outputs and last carry."""
    return lambda params, carry, xs: weigh(roll(params, carry, xs))


def loop(step):
    """The plain Python loop, using nothing of the library."""

    def roll(params, carry, xs):
        ys = []
        for x in xs:
            carry, y = step(params, carry, x)
            ys.append(y)
        return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)

    return roll


def assert_close(actual, expected, dtype=jnp.float32):
    """Same structure, shapes and dtypes, and values to the precision of ``dtype``."""
    chex.assert_trees_all_equal_structs(actual, expected)
    chex.assert_trees_all_equal_shapes_and_dtypes(actual, expected)
    wide = jax.tree.map(lambda a: np.asarray(a, np.float64), (actual, expected))
    chex.assert_trees_all_close(*wide, **TOLERANCE[jnp.dtype(dtype)])


def quickly(function):
    """Compiles with little optimisation, in half the time."""
    options = {"xla_backend_optimization_level": 0}
    options["xla_llvm_disable_expensive_passes"] = True
    return jax.jit(function, compiler_options=options)


def with_gradients(roll):
    """``(params, carry, xs) -> (values, gradients)`` of a roll."""

    def run(*args):
        def loss(*args):
            values = roll(*args)
            return weigh(values), values

        grads, values = jax.grad(loss, tuple(range(len(args))), has_aux=True)(*args)
        return values, grads

    return run
