"""The functions that Keras knows by name, as those of JAX that they are."""

from typing import Any

import jax
import jax.numpy as jnp

from recur.types import Activation, Array


def gelu(x: Array) -> Array:
    """The GELU by the error function, which JAX approximates unless it is asked not to.

    Example:
      >>> round(float(gelu(jnp.float32(1))), 4)
      0.8413
    """
    return jax.nn.gelu(x, approximate=False)


def leaky_relu(x: Array) -> Array:
    """The leaky ReLU with the slope of Keras, which is 0.2.

    Example:
      >>> leaky_relu(jnp.float32(-1))
      Array(-0.2, dtype=float32)
    """
    return jax.nn.leaky_relu(x, negative_slope=0.2)


def hard_shrink(x: Array) -> Array:
    """Zero where the input is at most one half in absolute value, else the input.

    Example:
      >>> hard_shrink(jnp.array([-0.3, 0.7]))
      Array([0. , 0.7], dtype=float32)
    """
    return jnp.where(jnp.abs(x) > 0.5, x, jnp.zeros_like(x))


def soft_shrink(x: Array) -> Array:
    """What is beyond one half in absolute value.

    Example:
      >>> soft_shrink(jnp.array([-0.3, 0.75]))
      Array([0.  , 0.25], dtype=float32)
    """
    return x - jnp.clip(x, -0.5, 0.5)


def tanh_shrink(x: Array) -> Array:
    """The input minus its tanh.

    Example:
      >>> round(float(tanh_shrink(jnp.float32(1))), 4)
      0.2384
    """
    return x - jnp.tanh(x)


ACTIVATIONS: dict[str, Activation] = {
    "celu": jax.nn.celu,
    "elu": jax.nn.elu,
    "exponential": jnp.exp,
    "gelu": gelu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": jnp.positive,
    "log_sigmoid": jax.nn.log_sigmoid,
    "mish": jax.nn.mish,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "soft_shrink": soft_shrink,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "squareplus": jax.nn.squareplus,
    "tanh": jnp.tanh,
    "tanh_shrink": tanh_shrink,
}
"""Entry by entry, with the options that Keras has by default."""

OVER_UNITS: dict[str, Activation] = {
    "log_softmax": jax.nn.log_softmax,
    "softmax": jax.nn.softmax,
}
"""Over all units, so that no gate can have them: gates are opened together here."""

# No sparsemax: that of Keras 3.15 does not sum to one where several units are open.


def name_of(keras: Any, function: Any) -> str:
    """What Keras calls one of its own functions; of another, how Python shows it."""
    name = getattr(function, "__name__", "")
    own = getattr(keras.activations, name, None) is function
    return name if own else repr(function)
