"""Entry by entry, and over entries."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row -> row", often=4)
def tanh(a):
    return jnp.tanh(a)


@op("row -> row")
def sigmoid(a):
    return jax.nn.sigmoid(a)


@op("row -> row")
def smooth(a):
    return jax.nn.softplus(a) - jax.nn.gelu(a)


@op("row -> row")
def relu(a):
    return jax.nn.relu(a)


@op("row -> row")
def negated(a):
    return -a


@op("row -> row")
def cubed(a):
    return a - a**3 / 6


@op("row -> row")
def root(a):
    return jnp.sqrt(1 + a * a)


@op("row -> row")
def one_minus(a):
    return 1 - a


@op("row -> row")
def halved(a):
    return a / 2


@op("row row -> row", often=3)
def plus(a, b):
    return a + b


@op("row row -> row", often=2)
def minus(a, b):
    return a - b


@op("row row -> row", often=2)
def multiplied(a, b):
    return a * b


@op("row row -> row")
def divided(a, b):
    return a / (1.5 + b * b)


@op("row row -> row")
def larger(a, b):
    return jnp.maximum(a, b)


@op("row -> row")
def softmax(a):
    return jax.nn.softmax(a, axis=-1)


@op("row -> row")
def normalised(a):
    a = a - a.mean(-1, keepdims=True)
    return a * jax.lax.rsqrt((a * a).mean(-1, keepdims=True) + 0.1)


@op("row -> row")
def summed_up(a):
    return jnp.cumsum(a, -1)


@op("row -> row")
def in_order(a):
    return jnp.sort(a, -1)


@op("row -> row", "coarse")
def rounded(a):
    return a.astype(jnp.bfloat16).astype(a.dtype)


@op("row -> row", "coarse")
def through_float32(a):
    return jnp.tanh(a.astype(jnp.float32)).astype(a.dtype)
