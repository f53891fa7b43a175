r"""An Elman unit taken apart, for the fast roll.

.. math::
    \dot h_t = g'(a_t) \odot (\dot x_t W_{ih} + x_t \dot W_{ih}
        + \dot h_{t-1} W_{hh} + h_{t-1} \dot W_{hh} + \dot b)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur.linear import add_bias, matmul, matmul_transposed
from recur.types import Activation, Array, DTypeLike

SLOPES: dict[Activation, Callable[[Array], Array]] = {
    jnp.tanh: lambda h: 1 - h**2,
    jax.nn.tanh: lambda h: 1 - h**2,
    jax.nn.relu: lambda h: (h > 0).astype(h.dtype),
    jax.nn.sigmoid: lambda h: h * (1 - h),
}
"""Activations whose derivative is known from their value."""


MANY_ROWS = 128
"""Rows from which one product of ``[x, h]`` is quicker than two; measured on a CPU."""


class _Weights(NamedTuple):
    """``onward`` and ``back`` are copies for the loops, without tangents."""

    w_ih: Array
    w_hh: Array
    b: Array
    onward: Array  # w_hh, or w_ih above w_hh
    back: Array  # w_hh transposed


@dataclass(frozen=True)
class ElmanParts:
    """An Elman unit with an activation of ``SLOPES``."""

    activation: Activation
    joined: bool
    compute_dtype: DTypeLike | None

    def prepare(self, params: Any) -> _Weights:
        """Turns ``w_hh`` for the way back."""
        w_ih, w_hh = params.w_ih, params.w_hh
        onward = jnp.concatenate([w_ih, w_hh]) if self.joined else w_hh
        return _Weights(w_ih, w_hh, params.b, onward, w_hh.T)

    def project(self, weights: _Weights, xs: Array) -> Array:
        """Multiplies ``x W_ih``."""
        return matmul(xs, weights.w_ih, self.compute_dtype)

    def feed(self, weights: _Weights, xs: Array) -> Array:
        """Projects, unless each step does so."""
        return xs if self.joined else self.project(weights, xs)

    def gate(self, weights: _Weights, start: Array, fed: Array) -> Array:
        """Gives the new value before it is rounded."""
        if self.joined:
            fed = jnp.concatenate([fed, start.astype(fed.dtype)], axis=-1)
            a = matmul(fed, weights.onward, self.compute_dtype)
        else:
            a = fed + matmul(start, weights.onward, self.compute_dtype)
        return self.activation(add_bias(a, weights.b))

    def land(self, weights: _Weights, start: Array, kept: Array) -> Any:
        """Rounds it."""
        h = kept.astype(start.dtype)
        return h, h

    def linearize(
        self, weights: _Weights, dweights: Any, starts: Array, kept: Array, dzs: Array
    ) -> Any:
        """Gives the drive and the slope of the activation."""
        if dweights.w_hh is not None:
            dzs += matmul(starts, dweights.w_hh, self.compute_dtype)
        if dweights.b is not None:
            dzs = add_bias(dzs, dweights.b)
        return dzs, SLOPES[self.activation](kept)

    def tangent(self, weights: _Weights, dcarry: Array, linear: Any) -> Any:
        """Takes a step of the linear recurrence."""
        dz, slope = linear
        dz += matmul_transposed(dcarry, weights.back, self.compute_dtype)
        dh = (slope * dz).astype(dcarry.dtype)
        return dh, dh


def elman_parts(
    params: Any,
    carry: Any,
    *,
    activation: Activation = jnp.tanh,
    compute_dtype: DTypeLike | None = None,
) -> ElmanParts | None:
    """Takes an Elman unit apart, or gives ``None`` where something is in the way."""
    arrays = (carry, *params) if isinstance(params, tuple) else ()
    if len(arrays) != 4 or not all(isinstance(w, jnp.ndarray) for w in arrays):
        return None
    if activation not in SLOPES:
        return None
    joined = carry.size // carry.shape[-1] >= MANY_ROWS
    return ElmanParts(activation, joined, compute_dtype)
