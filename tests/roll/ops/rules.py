"""Functions with derivatives of their own, and functions within functions."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@jax.custom_jvp
def _doubled_slope(a):
    return jnp.sin(a)


@_doubled_slope.defjvp
def _(primals, tangents):
    return _doubled_slope(*primals), 2 * jnp.cos(*primals) * tangents[0]


@jax.custom_vjp
def _clipped_slope(a):
    return jnp.sin(a)


_clipped_slope.defvjp(
    lambda a: (jnp.sin(a), a), lambda a, da: (jnp.tanh(da) * jnp.cos(a),)
)


# Twice as steep as the function is: that tells whether the rule is asked. Of such a
# rule JAX's own scan and a loop have different second derivatives.
@op("row -> row", "first order")
def custom_jvp(a):
    return _doubled_slope(a)


@op("row -> row", "one way")
def custom_vjp(a):
    return _clipped_slope(a)


@op("row weight -> row")
def jitted(a, w):
    return jax.jit(lambda a, w: jnp.tanh(a @ w))(a, w)


@op("row weight -> row")
def checkpointed(a, w):
    return jax.checkpoint(lambda a: jnp.sin(a @ w))(a)


@op("row -> row")
def differentiated(a):
    return jax.grad(lambda a: jnp.sum(jnp.tanh(a) ** 2))(a)
