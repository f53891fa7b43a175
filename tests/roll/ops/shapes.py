"""Splits, slices, changes of shape."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.roll.ops.operation import op


@op("wide -> row", often=2)
def first_half(a):
    return jnp.split(a, 2, axis=-1)[0]


@op("wide -> row", often=2)
def gated_halves(a):
    f, g = jnp.split(a, 2, axis=-1)
    return jax.nn.sigmoid(f) * jnp.tanh(g)


@op("wide -> row")
def strided(a):
    return a[..., ::2]


@op("wide -> row")
def halves_by_reshape(a):
    return a.reshape(*a.shape[:-1], 2, a.shape[-1] // 2).sum(-2)


@op("row row -> wide")
def joined_rows(a, b):
    return jnp.concatenate([a, b], -1)


@op("wide number -> wide")
def wide_plus_number(a, s):
    return a + s


@op("row -> row")
def shifted(a):
    return jnp.concatenate([a[..., 1:], a[..., :1]], -1)


@op("row -> row")
def flattened(a):
    return jnp.sin(a.reshape(-1)).reshape(a.shape)


@op("row -> row")
def transposed(a):
    return (2.0 * a.T).T


@op("row -> row")
def padded(a):
    return jnp.pad(a[..., :-1], [(0, 0)] * (a.ndim - 1) + [(1, 0)])


@op("row -> row")
def flipped(a):
    return a[..., ::-1]


@op("row -> row")
def gathered(a):
    return a[..., np.array([0, *range(a.shape[-1] - 1)])]


@op("row row -> row")
def written_into(a, b):
    return a.at[..., 0].set(b[..., 1]).at[..., 1].add(1.0)


@op("row index -> row")
def taken_at(a, n):
    return a + jnp.take_along_axis(a, n[..., None], -1)
