"""Weights that are computed."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.roll.ops.operation import op


@op("weight -> weight")
def masked_weight(w):
    return w * np.tri(*w.shape)


@op("weight -> weight")
def weight_transposed(w):
    return w.T


@op("weight weight -> weight")
def weights_multiplied(w, v):
    return w @ v


@op("weight -> weight")
def softmax_of_weight(w):
    return jax.nn.softmax(w, axis=0)


@op("weight number -> weight")
def weight_scaled(w, s):
    return w * s


@op("weight -> weight")
def unit_weight(w):
    return w / jnp.sqrt(0.1 + (w * w).sum(0, keepdims=True))


@op("weight bias -> weight")
def weight_and_outer(w, b):
    return w + b[:, None] * b


@op("row weight -> weight", "mixes")
def fast_weight(h, w):
    return w + jnp.einsum("bi,bj->ij", *[jnp.atleast_2d(h)] * 2) / 9


@op("weight -> weight")
def stopped_weight(w):
    return jax.lax.stop_gradient(w)


@op("weight key -> weight")
def thinned_weight(w, key):
    return jnp.where(jax.random.bernoulli(key, 0.7, w.shape), w, 0.0)
