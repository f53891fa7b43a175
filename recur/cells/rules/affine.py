"""What the rules of cells with one recurrent product share."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import jax.numpy as jnp

from recur._ops.matmul import add_bias, matmul, matmul_transposed
from recur._roll.chunked.rule import Chunk
from recur._roll.chunked.tuning import CPU, Tuning
from recur.types import Array, DTypeLike, PyTree


class Weights(NamedTuple):
    """``w_cat`` is ``w_ih`` above ``w_hh``; tangents are those of ``w_cat`` and ``b``.

    The others are copies for the loops, without tangents.
    """

    w_cat: Array
    b: Array
    w_ih: Array
    w_hh: Array
    w_hh_t: Array  # w_hh transposed


@dataclass(frozen=True)
class TunedRule:
    """What the rules of the cells share.

    Args:
      compute_dtype: Dtype of the operands of the products.
      tuning: Of the machine.
    """

    compute_dtype: DTypeLike | None
    tuning: Tuning = field(default=CPU, kw_only=True)

    made = 0
    batch_axes_only = True

    @property
    def residuals_in_place(self) -> bool:
        """Where the machine wants it: one kernel reads what is projected."""
        return self.tuning.residuals_in_place

    @property
    def recompute_last_output(self) -> bool:
        """Not by itself."""
        return False

    def tuned(self, tuning: Tuning) -> Self:
        """The same for another machine."""
        return replace(self, tuning=tuning)


@dataclass(frozen=True)
class AffineRule(TunedRule):
    r"""Parts of :math:`a_t = x_t W_{ih} + h_{t-1} W_{hh} + b`.

    Args:
      rows: Of the carry; ``None`` if its products are never joined.
    """

    rows: int | None = field(default=None, kw_only=True)

    @property
    def joined(self) -> bool:
        """Whether each step projects its own input, in one product with ``h``."""
        return self.rows is not None and self.rows >= self.tuning.join_rows

    @property
    def recompute_last_output(self) -> bool:
        """Only beside a join is that quicker."""
        return self.joined and self.tuning.recompute_last_output

    def prepare(self, params: PyTree) -> Weights:
        """Joins the weights, and turns ``w_hh`` for the way back."""
        w_ih, w_hh, b = params.w_ih, params.w_hh, params.b
        return Weights(jnp.concatenate([w_ih, w_hh]), b, w_ih, w_hh, w_hh.T)

    def project(self, weights: Weights, xs: Array) -> Array:
        """Multiplies ``x W_ih``, unless each step does so."""
        return xs if self.joined else matmul(xs, weights.w_ih, self.compute_dtype)

    def activate(self, weights: Weights, h: Array, z: Array) -> Array:
        """Gives ``a``."""
        if self.joined:
            a = matmul(_beside(z, h), weights.w_cat, self.compute_dtype)
        else:
            a = z + matmul(h, weights.w_hh, self.compute_dtype)
        return add_bias(a, weights.b)

    def input_tangent(
        self, weights: Weights, dweights: PyTree, chunk: Chunk, hs: Array, dxs: PyTree
    ) -> Array:
        """Gives what tangents of weights and inputs add to ``a``."""
        input_tangent = jnp.zeros_like(chunk.residuals)
        if dweights.w_cat is not None:
            w_cat = _beside(chunk.xs, hs)
            input_tangent += matmul(w_cat, dweights.w_cat, self.compute_dtype)
        if dxs is not None:
            input_tangent += matmul(dxs, weights.w_ih, self.compute_dtype)
        return (
            input_tangent if dweights.b is None else add_bias(input_tangent, dweights.b)
        )

    def recurrent_tangent(self, weights: Weights, dh: Array) -> Array:
        """Gives what the tangent of ``h`` adds to ``a``."""
        return matmul_transposed(dh, weights.w_hh_t, self.compute_dtype)


def _beside(x: Array, h: Array) -> Array:
    dtype = jnp.promote_types(x.dtype, h.dtype)
    return jnp.concatenate([x.astype(dtype), h.astype(dtype)], axis=-1)


def are_arrays(*values: Any) -> bool:
    """Whether the loops can work with these as they are.

    Example:
      >>> are_arrays(jnp.zeros(2), None)
      False
    """
    return all(isinstance(a, jnp.ndarray) for a in values)


def num_rows(h: Array) -> int:
    """How many rows a carry has.

    Example:
      >>> num_rows(jnp.zeros((128, 4)))
      128
    """
    return math.prod(h.shape[:-1])
