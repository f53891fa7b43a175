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


@cache
def draw(case, *, batch_shape=(2,), steps=4, dtype=jnp.float32):
    """``(cell, params, carry, xs)`` with params, carry and inputs that are not zero."""
    cell = case.with_dtype(dtype).cell
    params = jax.eval_shape(lambda key: cell.init(key, case.input_size), KEY)
    carry = jax.eval_shape(lambda p: cell.init_carry(batch_shape, params=p), params)
    xs = jax.ShapeDtypeStruct((steps, *batch_shape, case.input_size), dtype)
    return cell, *random_like(crc32(case.name.encode()), (params, carry, xs))


def weigh(tree):
    """A weighted sum of all leaves, so that each entry has a gradient of its own."""
    total = 0.0
    for leaf in jax.tree.leaves(tree):
        weights = jnp.cos(1.0 + jnp.arange(leaf.size, dtype=leaf.dtype))
        total += jnp.sum(weights.reshape(leaf.shape) * leaf)
    return total


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


def assert_same(actual, expected, args, dtype=jnp.float32, *, optimised=False):
    """Two rolls have the same values, and gradients in params, carry and inputs."""
    compiled = jax.jit if optimised else quickly
    ours = compiled(with_gradients(actual))(*args)
    assert_close(ours, quickly(with_gradients(expected))(*args), dtype)


def quickly(function):
    """Compiles with little optimisation, in half the time.

    For what is compared with, and for laws that no optimisation could break; programs
    as users compile them are held to law 2, the references, torch and the plain loop.
    """
    options = {"xla_backend_optimization_level": 0}
    options["xla_llvm_disable_expensive_passes"] = True
    return jax.jit(function, compiler_options=options)


def with_gradients(roll):
    """``(params, carry, xs) -> (values, gradients)`` of a roll."""

    def run(*args):
        def loss(*args):
            values = roll(*args)
            return weigh(values), values

        grads, values = jax.grad(loss, (0, 1, 2), has_aux=True)(*args)
        return values, grads

    return run
