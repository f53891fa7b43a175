r"""An LSTM taken apart, for the fast roll.

.. math::
    a_t &= x_t W_{ih} + h_{t-1} W_{hh} + b \\
    \dot a_t &= \dot z_t + \dot h_{t-1} W_{hh}, \qquad
        \dot z_t = \dot x_t W_{ih} + x_t \dot W_{ih} + h_{t-1} \dot W_{hh} + \dot b \\
    \dot c_t &= f \odot \dot c_{t-1} + i' g \odot \dot{\tilde i}
        + f' c_{t-1} \odot \dot{\tilde f} + i g' \odot \dot{\tilde g} \\
    \dot h_t &= o \tanh'(c_t) \odot \dot c_t + o' \tanh(c_t) \odot \dot{\tilde o}

All gates come from one pass of ``tanh`` over ``4H``, since
:math:`\sigma(a) = \tfrac12 \tanh(\tfrac12 a) + \tfrac12`.
"""

import jax.numpy as jnp

from recur._ops.matmul import scale
from recur._ops.parallel_tanh import parallel_tanh
from recur._roll.chunked.rule import Chunk
from recur.cells.rules.affine import AffineRule, Weights, are_arrays, num_rows
from recur.types import Array, DTypeLike, PyTree


class LSTMRule(AffineRule):
    """An LSTM without peepholes, coupling or projection."""

    def forward(self, weights: Weights, start: PyTree, z: Array) -> Array:
        """Gives the ``tanh`` of everything that goes into the gates."""
        a = self.activate(weights, start.h, z)
        return parallel_tanh(scale(a, _halves(a, 0.5)))

    def output(self, weights: Weights, start: PyTree, residuals: Array) -> PyTree:
        """Opens and closes the gates."""
        i, f, g, o = _gates(residuals)
        c = f * start.c.astype(residuals.dtype) + i * g
        h = (o * jnp.tanh(c)).astype(start.h.dtype)
        return type(start)(h, c.astype(start.c.dtype)), h

    def linearize(
        self, weights: Weights, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Gives the drive, and the slopes of ``c`` and ``h``."""
        (i, f, g, o), starts = _gates(chunk.residuals), chunk.starts
        c_tm1 = starts.c.astype(f.dtype)
        c, ends = f * c_tm1 + i * g, chunk.ends
        if ends is not None and ends.c.dtype == c.dtype:
            c = ends.c  # The same, but beside slices of gates tanh is not vectorised.
        tanh_c = jnp.tanh(c)
        beside = jnp.concatenate([g, c_tm1, i, tanh_c], axis=-1)
        # A quarter: the slope of a sigmoid is (1 - t^2) / 4.
        slopes = scale(1 - chunk.residuals**2, _halves(chunk.residuals, 0.25)) * beside
        input_tangent = self.input_tangent(weights, dweights, chunk, starts.h, dxs)
        return input_tangent, slopes, f, o * (1 - tanh_c**2)

    def tangent(self, weights: Weights, dcarry: PyTree, linear: PyTree) -> PyTree:
        """Takes a step of the linear recurrence."""
        input_tangent, slopes, f, to_h = linear
        da = slopes * (input_tangent + self.recurrent_tangent(weights, dcarry.h))
        di, df, dg, do = jnp.split(da, 4, axis=-1)
        dc = f * dcarry.c.astype(f.dtype) + di + df + dg
        dh = (to_h * dc + do).astype(dcarry.h.dtype)
        return type(dcarry)(dh, dc.astype(dcarry.c.dtype)), dh


def lstm_rule(
    params: PyTree,
    carry: PyTree,
    *,
    coupled: bool = False,
    compute_dtype: DTypeLike | None = None,
) -> LSTMRule | None:
    """Takes an LSTM apart, or gives ``None`` where its options are in the way."""
    # Bad params are left to the step, which says what is wrong with them.
    if not hasattr(params, "w_ch") or not hasattr(carry, "c"):
        return None
    plain = params.w_ch is None and params.w_hr is None and not coupled
    arrays = are_arrays(carry.h, params.w_ih, params.w_hh, params.b)
    if not (plain and arrays and params.w_ih.dtype == params.w_hh.dtype):
        return None
    return LSTMRule(compute_dtype, rows=num_rows(carry.h))


def _halves(gates: Array, half: float) -> Array:
    factors = jnp.array([half, half, 1, half], gates.dtype)
    return jnp.repeat(factors, gates.shape[-1] // 4)


def _gates(t: Array) -> tuple[Array, Array, Array, Array]:
    i, f, g, o = jnp.split(t, 4, axis=-1)
    return 0.5 * i + 0.5, 0.5 * f + 0.5, g, 0.5 * o + 0.5
