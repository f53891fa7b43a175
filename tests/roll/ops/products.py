"""Products with weights."""

import jax
import jax.numpy as jnp

from tests.roll.ops.operation import op


@op("row weight -> row", often=6)
def times(h, w):
    return h @ w


@op("row weight -> row", often=2)
def standing_left(h, w):
    return jnp.moveaxis(jnp.einsum("oh,...h->o...", w, h), 0, -1)


@op("row weight -> row", often=2)
def row_by_row(h, w):
    return jax.vmap(lambda h: w @ h)(h) if h.ndim > 1 else w @ h


@op("row row weight weight -> row", often=2)
def joined(x, h, w, v):
    return jnp.concatenate([x, h], -1) @ jnp.concatenate([w, v], 0)


@op("row row weight -> row")
def stacked_rows(a, b, w):
    both = jnp.stack([a, b], -2) @ w
    return both[..., 0, :] * both[..., 1, :]


@op("row row weight weight -> row")
def batched(a, b, w, v):
    both = jnp.einsum("k...h,kho->k...o", jnp.stack([a, b]), jnp.stack([w, v]))
    return jnp.sin(both[0]) + both[1]


@op("row weight weight -> row")
def heads(h, w, v):
    return jnp.einsum("...h,kho->...ko", h, jnp.stack([w, v])).prod(-2)


@op("row weight weight -> wide", often=2)
def two_gates(h, w, v):
    return h @ jnp.concatenate([w, v], 1)


@op("row weight row -> row")
def bilinear(a, w, b):
    return jnp.einsum("...i,ij,...j->...", a, w, b)[..., None] + b


@op("row weight -> row")
def turned_in_the_product(h, w):
    return jax.lax.dot_general(h, w, (((h.ndim - 1,), (1,)), ((), ())))


@op("row weight -> row", "coarse")
def times_in_bfloat16(h, w):
    return (h.astype(jnp.bfloat16) @ w.astype(jnp.bfloat16)).astype(h.dtype)


@op("row weight -> row", "coarse")
def times_in_float32(h, w):
    half = (h.astype(jnp.bfloat16), w.astype(jnp.bfloat16))
    return jnp.matmul(*half, preferred_element_type=jnp.float32).astype(h.dtype)


@op("row row -> row", "mixes")
def attention(a, b):
    one, other = jnp.atleast_2d(a), jnp.atleast_2d(b)
    return (jax.nn.softmax(one @ other.T) @ other).reshape(a.shape)


@op("row bias -> row")
def dot_bias(h, b):
    return (h @ b)[..., None] * h
