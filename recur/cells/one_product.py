"""What the parts of cells with one recurrent product share."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from recur.linear import add_bias, matmul, matmul_transposed
from recur.types import Array, DTypeLike

MANY_ROWS = 128
"""Rows from which one product of ``[x, h]`` is quicker than two; measured on a CPU."""


class Weights(NamedTuple):
    """``onward`` and ``back`` are copies for the loops, without tangents."""

    w_ih: Array
    w_hh: Array
    b: Array
    onward: Array  # w_hh, or w_ih above w_hh
    back: Array  # w_hh transposed


@dataclass(frozen=True)
class OneProduct:
    r"""Parts of :math:`a_t = x_t W_{ih} + h_{t-1} W_{hh} + b`.

    Args:
      joined: Whether each step projects its own input, in one product with ``h``.
      compute_dtype: Dtype of the operands of the products.
    """

    joined: bool
    compute_dtype: DTypeLike | None

    def ready(self, w_ih: Array, w_hh: Array, b: Array) -> Weights:
        """Joins the weights if asked, and turns ``w_hh`` for the way back."""
        onward = jnp.concatenate([w_ih, w_hh]) if self.joined else w_hh
        return Weights(w_ih, w_hh, b, onward, w_hh.T)

    def project(self, weights: Weights, xs: Array) -> Array:
        """Multiplies ``x W_ih``."""
        return matmul(xs, weights.w_ih, self.compute_dtype)

    def feed(self, weights: Weights, xs: Array) -> Array:
        """Projects, unless each step does so."""
        return xs if self.joined else self.project(weights, xs)

    def activate(self, weights: Weights, h: Array, fed: Array) -> Array:
        """Gives ``a``."""
        if self.joined:
            both = jnp.concatenate([fed, h.astype(fed.dtype)], axis=-1)
            a = matmul(both, weights.onward, self.compute_dtype)
        else:
            a = fed + matmul(h, weights.onward, self.compute_dtype)
        return add_bias(a, weights.b)

    def drive(self, dweights: Any, hs: Array, dzs: Array) -> Array:
        """Gives what tangents of weights and inputs add to ``a``."""
        if dweights.w_hh is not None:
            dzs += matmul(hs, dweights.w_hh, self.compute_dtype)
        return dzs if dweights.b is None else add_bias(dzs, dweights.b)

    def pull(self, weights: Weights, dh: Array) -> Array:
        """Gives what the tangent of ``h`` adds to ``a``."""
        return matmul_transposed(dh, weights.back, self.compute_dtype)


def are_arrays(*values: Any) -> bool:
    """Whether the loops can work with these as they are.

    Example:
      >>> are_arrays(jnp.zeros(2), None)
      False
    """
    return all(isinstance(a, jnp.ndarray) for a in values)


def many_rows(h: Array) -> bool:
    """Whether to join the products.

    Example:
      >>> many_rows(jnp.zeros((128, 4)))
      True
    """
    return h.size // h.shape[-1] >= MANY_ROWS
