r"""An LSTM taken apart, for the fast roll.

.. math::
    a_t &= x_t W_{ih} + h_{t-1} W_{hh} + b \\
    \dot a_t &= \dot z_t + \dot h_{t-1} W_{hh}, \qquad
        \dot z_t = \dot x_t W_{ih} + x_t \dot W_{ih} + h_{t-1} \dot W_{hh} + \dot b \\
    \dot c_t &= f \odot \dot c_{t-1} + i' g \odot \dot{\tilde i}
        + f' c_{t-1} \odot \dot{\tilde f} + i g' \odot \dot{\tilde g} \\
    \dot h_t &= o \tanh'(c_t) \odot \dot c_t + o' \tanh(c_t) \odot \dot{\tilde o}

All gates come from one pass of ``tanh`` over ``4H``, since
:math:`\sigma(a) = \tfrac12 \tanh(\tfrac12 a) + \tfrac12`; the inner half is in the
weights.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

from recur.linear import add_bias, matmul, matmul_transposed
from recur.types import Array, DTypeLike

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
class LSTMParts:
    """An LSTM without peepholes, coupling or projection.

    Args:
      joined: Whether each step projects its own input, in one product with ``h``.
      compute_dtype: As in :func:`recur.lstm_step`.
    """

    joined: bool
    compute_dtype: DTypeLike | None

    def prepare(self, params: Any) -> _Weights:
        """Halves what goes into a sigmoid, and turns ``w_hh`` for the way back."""
        half = _halves(params.w_hh)
        w_ih, w_hh = params.w_ih * half[None], params.w_hh * half[None]
        onward = jnp.concatenate([w_ih, w_hh]) if self.joined else w_hh
        return _Weights(
            w_ih, w_hh, params.b * half.astype(params.b.dtype), onward, w_hh.T
        )

    def project(self, weights: _Weights, xs: Array) -> Array:
        """Multiplies ``x W_ih``."""
        return matmul(xs, weights.w_ih, self.compute_dtype)

    def feed(self, weights: _Weights, xs: Array) -> Array:
        """Projects, unless each step does so."""
        return xs if self.joined else self.project(weights, xs)

    def gate(self, weights: _Weights, start: Any, fed: Array) -> Array:
        """Gives the ``tanh`` of everything that goes into the gates."""
        h = start.h
        if self.joined:
            fed = jnp.concatenate([fed, h.astype(fed.dtype)], axis=-1)
            a = matmul(fed, weights.onward, self.compute_dtype)
        else:
            a = fed + matmul(h, weights.onward, self.compute_dtype)
        return jnp.tanh(add_bias(a, weights.b))

    def land(self, weights: _Weights, start: Any, kept: Array) -> Any:
        """Opens and closes the gates."""
        i, f, g, o = _gates(kept)
        c = f * start.c.astype(kept.dtype) + i * g
        h = (o * jnp.tanh(c)).astype(start.h.dtype)
        return type(start)(h, c.astype(start.c.dtype)), h

    def linearize(
        self, weights: _Weights, dweights: Any, starts: Any, kept: Array, dzs: Array
    ) -> Any:
        """Gives the drive, and the slopes of ``c`` and ``h``."""
        if dweights.w_hh is not None:
            dzs += matmul(starts.h, dweights.w_hh, self.compute_dtype)
        if dweights.b is not None:
            dzs = add_bias(dzs, dweights.b)
        (i, f, g, o), c_tm1 = _gates(kept), starts.c.astype(kept.dtype)
        tanh_c = jnp.tanh(f * c_tm1 + i * g)
        slopes = [
            2 * i * (1 - i) * g,
            2 * f * (1 - f) * c_tm1,
            i * (1 - g**2),
            2 * o * (1 - o) * tanh_c,
        ]
        return dzs, jnp.concatenate(slopes, axis=-1), f, o * (1 - tanh_c**2)

    def tangent(self, weights: _Weights, dcarry: Any, linear: Any) -> Any:
        """Takes a step of the linear recurrence."""
        dz, slopes, f, to_h = linear
        dh = matmul_transposed(dcarry.h, weights.back, self.compute_dtype)
        di, df, dg, do = jnp.split(slopes * (dz + dh), 4, axis=-1)
        dc = f * dcarry.c.astype(f.dtype) + di + df + dg
        dh = (to_h * dc + do).astype(dcarry.h.dtype)
        return type(dcarry)(dh, dc.astype(dcarry.c.dtype)), dh


def lstm_parts(
    params: Any,
    carry: Any,
    *,
    coupled: bool = False,
    compute_dtype: DTypeLike | None = None,
) -> LSTMParts | None:
    """Takes an LSTM apart, or gives ``None`` where its options are in the way."""
    # Bad params are left to the step, which says what is wrong with them.
    if not hasattr(params, "w_ch") or not hasattr(carry, "c"):
        return None
    arrays = (params.w_ih, params.w_hh, params.b, carry.h)
    plain = params.w_ch is None and params.w_hr is None and not coupled
    if not plain or not all(isinstance(w, jnp.ndarray) for w in arrays):
        return None
    return LSTMParts(carry.h.size // carry.h.shape[-1] >= MANY_ROWS, compute_dtype)


def _halves(w_hh: Array) -> Array:
    hidden_size = w_hh.shape[-1] // 4
    halves = [0.5, 0.5, 1.0, 0.5]
    return jnp.repeat(jnp.array(halves, w_hh.dtype), hidden_size)


def _gates(t: Array) -> tuple[Array, Array, Array, Array]:
    i, f, g, o = jnp.split(t, 4, axis=-1)
    return 0.5 * i + 0.5, 0.5 * f + 0.5, g, 0.5 * o + 0.5
