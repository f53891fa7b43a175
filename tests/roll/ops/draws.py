"""Random draws."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row key -> row", often=2)
def noisy(a, key):
    return a + 0.1 * jax.random.normal(key, a.shape, a.dtype)


@op("row key -> row", often=2)
def dropped(a, key):
    return jnp.where(jax.random.bernoulli(key, 0.7, a.shape), a, 0.0)


@op("key -> key")
def folded_in(key):
    return jax.random.fold_in(key, 3)


@op("key -> key")
def split_key(key):
    return jax.random.split(key)[1]


@op("row key -> index")
def categorical(a, key):
    return jax.random.categorical(key, a)


@op("key -> number")
def uniform_number(key):
    return jax.random.uniform(key, dtype=jnp.float64)
