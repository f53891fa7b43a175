"""Integers and booleans."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row -> index")
def largest(a):
    return jnp.argmax(a, -1)


@op("index weight -> row", often=2)
def embedded(n, w):
    return w[n]


@op("index weight -> row")
def one_hot_times(n, w):
    return jax.nn.one_hot(n, w.shape[0], dtype=w.dtype) @ w


@op("row -> ints")
def in_steps(a):
    return jnp.round(3 * a).astype(jnp.int32)


@op("ints weight -> ints", often=2)
def integer_product(n, w):
    return n @ jnp.round(3 * w).astype(jnp.int32)


@op("ints -> ints")
def remainder(n):
    return (n + 1) % 3


@op("ints row -> row", often=2)
def integers_times(n, a):
    return n.astype(a.dtype) * a / 9


@op("row row -> mask")
def greater(a, b):
    return a > b


@op("mask weight -> mask", often=2)
def boolean_product(m, w):
    return m @ (w > 0.5)


@op("mask row row -> row", often=2)
def chosen(m, a, b):
    return jnp.where(m, a, b)


@op("mask row -> row")
def kept_where(m, a):
    return m.astype(a.dtype) * a
