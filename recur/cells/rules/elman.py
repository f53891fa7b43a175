r"""An Elman unit taken apart, for the fast roll.

.. math::
    \dot h_t = g'(a_t) \odot (\dot x_t W_{ih} + x_t \dot W_{ih}
        + \dot h_{t-1} W_{hh} + h_{t-1} \dot W_{hh} + \dot b)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from recur._roll.chunked.rule import Chunk
from recur.cells.rules.affine import AffineRule, Weights, are_arrays
from recur.types import Activation, Array, DTypeLike, PyTree

SLOPES: dict[Activation, Callable[[Array], Array]] = {
    jnp.tanh: lambda h: 1 - h**2,
    jax.nn.relu: lambda h: (h > 0).astype(h.dtype),
    jax.nn.sigmoid: lambda h: h * (1 - h),
}
"""Activations whose derivative is known from their value."""


@dataclass(frozen=True)
class ElmanRule(AffineRule):
    """An Elman unit with an activation of ``SLOPES``."""

    activation: Activation

    @property
    def residuals_in_place(self) -> bool:
        """Not of relu: XLA computes what is so cheap in both kernels that use it."""
        return super().residuals_in_place and self.activation is not jax.nn.relu

    def forward(self, weights: Weights, start: Array, z: Array) -> Array:
        """Gives the new value before it is rounded."""
        return self.activation(self.activate(weights, start, z))

    def output(self, weights: Weights, start: Array, residuals: Array) -> PyTree:
        """Rounds it."""
        h = residuals.astype(start.dtype)
        return h, h

    def linearize(
        self, weights: Weights, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Gives the drive and the slope of the activation."""
        input_tangent = self.input_tangent(weights, dweights, chunk, chunk.starts, dxs)
        return input_tangent, SLOPES[self.activation](chunk.residuals)

    def tangent(self, weights: Weights, dcarry: Array, linear: PyTree) -> PyTree:
        """Takes a step of the linear recurrence."""
        input_tangent, slope = linear
        dh = (slope * (input_tangent + self.recurrent_tangent(weights, dcarry))).astype(
            dcarry.dtype
        )
        return dh, dh


def elman_rule(
    params: PyTree,
    carry: PyTree,
    *,
    activation: Activation = jnp.tanh,
    compute_dtype: DTypeLike | None = None,
) -> ElmanRule | None:
    """Takes an Elman unit apart, or gives ``None`` where something is in the way."""
    # Bad params are left to the step, which says what is wrong with them.
    if not isinstance(params, tuple) or not are_arrays(carry, *params):
        return None
    if params[0].dtype != params[1].dtype:
        return None
    known = any(activation is g for g in SLOPES)  # Not all activations can be hashed.
    # Never joined: unlike an LSTM's, its products are no quicker so.
    return ElmanRule(compute_dtype, activation) if known else None
