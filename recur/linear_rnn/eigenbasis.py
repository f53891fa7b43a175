"""Weights of a dense state space, taken to the eigenvectors of its blocks."""

import jax.numpy as jnp
import numpy as np

from recur.linear_rnn.complex_pair import Complex
from recur.types import Array


def entering(b: Array, vectors: np.ndarray, blocks: int) -> Array:
    r"""Takes :math:`B` to :math:`V^* B`.

    Args:
      b: ``[N, I]``, real.
      vectors: ``[N/J, P/J]``, the eigenvectors of every block, or some of them.
      blocks: ``J``.

    Returns:
      ``[I, 2P]``, its transpose as ``re`` and ``im`` side by side.

    Example:
      >>> entering(jnp.ones((4, 3)), np.eye(2, 1), blocks=2).shape
      (3, 4)
    """
    return _stacked(_mixed(b, vectors.conj(), blocks)).T


def leaving(c: Array, vectors: np.ndarray, blocks: int) -> Array:
    r"""Takes :math:`C` to :math:`C V`.

    Args:
      c: ``[N, 2H]``, its transpose as ``re`` and ``im`` side by side.
      vectors: ``[N/J, P/J]``.
      blocks: ``J``.

    Returns:
      ``[2P, H]``, its transpose as ``re`` above ``im``.

    Example:
      >>> leaving(jnp.ones((4, 6)), np.eye(2, 1), blocks=2).shape
      (4, 3)
    """
    re, im = (_mixed(part, vectors, blocks) for part in jnp.split(c, 2, axis=-1))
    return _stacked(Complex(re.re - im.im, re.im + im.re))


def _mixed(rows: Array, vectors: np.ndarray, blocks: int) -> Complex:
    apart = rows.reshape(blocks, -1, rows.shape[-1])

    def mixed(part: np.ndarray) -> Array:
        v = jnp.asarray(part, rows.dtype)
        out = jnp.einsum("jno,np->jpo", apart, v, precision="highest")
        return out.reshape(-1, rows.shape[-1])

    return Complex(mixed(np.real(vectors)), mixed(np.imag(vectors)))


def _stacked(mixed: Complex) -> Array:
    return jnp.concatenate(mixed)


__all__ = ["entering", "leaving"]
