"""Control flow."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("number row weight -> row", often=2)
def cond_with_product(s, a, w):
    return jax.lax.cond(s > 0, lambda a: a @ w, lambda a: 0.5 * a, a)


@op("row row -> row", "mixes")
def cond_on_row(a, b):
    return jax.lax.cond(a.sum() > 0, jnp.sin, lambda b: b * b, b)


@op("index row weight -> row", "mixes")
def switch(n, a, w):
    branches = [lambda a: a, lambda a: a @ w, lambda a: a * w[0]]
    return jax.lax.switch(n.sum() % 3, branches, a)


@op("row weight -> row")
def fori_loop(a, w):
    return jax.lax.fori_loop(0, 2, lambda _, a: jnp.tanh(a @ w), a)


@op("row weight -> row")
def inner_scan(a, w):
    return jax.lax.scan(lambda a, r: (a * r, a.sum()), a, w[:2])[0]


@op("row row -> row", "mixes")
def while_without_gradient(a, b):
    start = jax.lax.stop_gradient(a)
    on = lambda v: jnp.max(jnp.abs(v), initial=0) > 0.5
    return b * jax.lax.while_loop(on, lambda v: v / 2, start)


@op("row -> row")
def stopped(a):
    return jax.lax.stop_gradient(a)


@op("row row -> row")
def straight_through(a, b):
    return a + jax.lax.stop_gradient(jnp.sign(b) - a)
