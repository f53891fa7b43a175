"""Triangular systems with ones on the diagonal, by products of small matrices."""

import jax
import jax.numpy as jnp

from recur.types import Array

BLOCK = 16
"""Rows that are solved one after the other; blocks of them by products."""


def solve_unit_lower(a: Array, b: Array) -> Array:
    r"""Solves :math:`(I + \mathrm{tril}_{-1} A) X = B` for matrices ``[..., L, L]``.

    By substitution, since powers of ``A``, which would do in fewer sweeps, overflow
    where all keys are alike. Not by LAPACK: called from a loop, XLA's CPU backend was
    seen to wait for it for ever.

    Args:
      a: ``[..., L, L]``, of which only what is below the diagonal counts.
      b: ``[..., L, V]``.

    Returns:
      ``X [..., L, V]``.

    Example:
      >>> solve_unit_lower(jnp.ones((3, 3)), jnp.array([[1.0], [1.0], [1.0]]))[:, 0]
      Array([1., 0., 0.], dtype=float32)
    """
    a = jnp.tril(a, -1)
    turned = jnp.swapaxes(a, -1, -2)[..., ::-1, ::-1]
    return jax.lax.custom_linear_solve(
        lambda x: x + a @ x,
        b,
        lambda _, b: _substitute(a, b),
        lambda _, b: _substitute(turned, b[..., ::-1, :])[..., ::-1, :],
    )


def _substitute(a: Array, b: Array) -> Array:
    """Block after block, from the first."""
    length, done = a.shape[-1], []
    for start in range(0, length, BLOCK):
        rows = slice(start, start + BLOCK)
        here = b[..., rows, :]
        if done:
            here -= a[..., rows, :start] @ jnp.concatenate(done, axis=-2)
        done.append(_inverse(a[..., rows, rows]) @ here)
    return jnp.concatenate(done, axis=-2)


def _inverse(a: Array) -> Array:
    """Of ``I + a``, row after row."""
    rows = jnp.moveaxis(a, -2, 0)
    eye = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)

    def row(found: Array, n: Array) -> tuple[Array, None]:
        new = eye[..., n, :] - (rows[n][..., None, :] @ found)[..., 0, :]
        return found.at[..., n, :].set(new), None

    return jax.lax.scan(row, jnp.zeros_like(a), jnp.arange(a.shape[-1]))[0]
