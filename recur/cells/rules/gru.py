r"""Both forms of the GRU taken apart, for the fast roll.

.. math::
    h_t &= (1 - z) \odot n + z \odot h_{t-1} \\
    \dot h_t &= z \odot \dot h_{t-1} + (h_{t-1} - n) z' \odot \dot{\tilde z}
        + (1 - z) n' \odot \dot{\tilde n}

The gates come from one ``tanh`` as in the LSTM's rule, :math:`t`, and so
:math:`\sigma' = \tfrac14 (1 - t^2)`.
"""

from typing import NamedTuple

import jax.numpy as jnp

from recur._ops.matmul import add_bias, matmul, matmul_transposed, scale
from recur._roll.chunked.rule import Chunk
from recur.cells.rules.affine import TunedRule, are_arrays
from recur.types import Array, DTypeLike, PyTree


class _Weights(NamedTuple):
    """Below ``b_hn`` are copies for the loops, without tangents."""

    w_ih: Array
    w_hh: Array
    b: Array
    b_hn: PyTree
    inward: PyTree  # w_ih for the gates, and for the candidate
    forward: PyTree
    w_hh_t: PyTree  # transposed


class _Rule(TunedRule):
    """What both forms share."""

    def project(self, weights: _Weights, xs: Array) -> tuple[Array, Array]:
        """Multiplies ``x W_ih``; apart, gates and candidate can take its place."""
        rz, n = (matmul(xs, w, self.compute_dtype) for w in weights.inward)
        return rz, n

    def biased(self, weights: _Weights, z: PyTree) -> tuple[Array, Array]:
        """Adds the biases, where the data is in a cache."""
        (rz, n), (b_rz, b_n) = z, _rz_n(weights.b)
        return add_bias(rz, b_rz), add_bias(n, b_n)

    def driven(
        self, weights: _Weights, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> Array:
        """Gives what tangents of inputs, of their weights and of ``b`` add."""
        t, n, *_ = chunk.residuals
        input_tangent = jnp.zeros_like(jnp.concatenate([t, n], axis=-1))
        if dweights.w_ih is not None:
            input_tangent += matmul(chunk.xs, dweights.w_ih, self.compute_dtype)
        if dxs is not None:
            input_tangent += matmul(dxs, weights.w_ih, self.compute_dtype)
        return (
            input_tangent if dweights.b is None else add_bias(input_tangent, dweights.b)
        )


class ResetAfterRule(_Rule):
    r"""The form that resets after the product.

    .. math::
        \tilde n &= x W_{in} + b_n + r \odot q, \qquad q = h_{t-1} W_{hn} + b_{hn} \\
        \dot{\tilde n} &= \dot x_n + q r' \odot \dot{\tilde r} + r \odot \dot q
    """

    @property
    def recompute_last_output(self) -> bool:
        """Where the machine wants it."""
        return self.tuning.recompute_last_output

    def prepare(self, params: PyTree) -> _Weights:
        """Cuts ``w_ih``, and turns ``w_hh`` for the way back."""
        w_ih, w_hh, b, b_hn = params
        return _Weights(w_ih, w_hh, b, b_hn, _rz_n(w_ih), w_hh, w_hh.T)

    def forward(self, weights: _Weights, start: Array, z: PyTree) -> PyTree:
        """Gives gates, candidate and ``q``."""
        x_rz, x_n = self.biased(weights, z)
        h_rz, q = _rz_n(matmul(start, weights.forward, self.compute_dtype))
        t, q = jnp.tanh(0.5 * (x_rz + h_rz)), add_bias(q, weights.b_hn)
        r, _ = _gates(t)
        return t, jnp.tanh(x_n + r * q), q

    def output(self, weights: _Weights, start: Array, residuals: PyTree) -> PyTree:
        """Mixes the candidate and the old value."""
        return _mix(start, *residuals[:2])

    def linearize(
        self, weights: _Weights, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Gives the drive of ``h``, the slopes of ``r, z, q``, and ``z``."""
        starts, (t, n, q) = chunk.starts, chunk.residuals
        r, z = _gates(t)
        of_n = (1 - z) * (1 - n**2)
        beside = jnp.concatenate([of_n * q, starts.astype(n.dtype) - n], axis=-1)
        of_rz, of_q = 0.25 * (1 - t**2) * beside, of_n * r
        of_inputs = jnp.concatenate([of_rz, of_n], axis=-1)
        slopes = jnp.concatenate([of_rz, of_q], axis=-1)
        input_tangent = _over_gates(
            of_inputs * self.driven(weights, dweights, chunk, dxs)
        )
        if dweights.w_hh is not None:
            dh = matmul(starts, dweights.w_hh, self.compute_dtype)
            input_tangent += _over_gates(slopes * dh)
        if dweights.b_hn is not None:
            input_tangent += scale(of_q, dweights.b_hn)
        return input_tangent, slopes, z

    def tangent(self, weights: _Weights, dcarry: Array, linear: PyTree) -> PyTree:
        """Takes a step of the linear recurrence."""
        input_tangent, slopes, z = linear
        dh = matmul_transposed(dcarry, weights.w_hh_t, self.compute_dtype)
        dh = z * dcarry.astype(z.dtype) + _over_gates(slopes * dh) + input_tangent
        dh = dh.astype(dcarry.dtype)
        return dh, dh


class ResetBeforeRule(_Rule):
    r"""The form that resets before the product: two products, one after the other.

    .. math::
        \tilde n &= x W_{in} + b_n + (r \odot h_{t-1}) W_{hn} \\
        \dot{\tilde n} &= \dot x_n + (r' h_{t-1} \odot \dot{\tilde r}
            + r \odot \dot h_{t-1}) W_{hn}
    """

    def prepare(self, params: PyTree) -> _Weights:
        """Cuts ``w_ih`` and ``w_hh``, and turns ``w_hh`` for the way back."""
        w_ih, w_hh, b, _ = params
        w_rz, w_n = _rz_n(w_hh)
        turned = w_rz.T, w_n.T
        return _Weights(w_ih, w_hh, b, None, _rz_n(w_ih), (w_rz, w_n), turned)

    def forward(self, weights: _Weights, start: Array, z: PyTree) -> PyTree:
        """Gives gates and candidate."""
        x_rz, x_n = self.biased(weights, z)
        w_rz, w_n = weights.forward
        h_rz = matmul(start, w_rz, self.compute_dtype)
        t = jnp.tanh(0.5 * (x_rz + h_rz))
        r, _ = _gates(t)
        h_n = matmul(r * start.astype(r.dtype), w_n, self.compute_dtype)
        return t, jnp.tanh(x_n + h_n)

    def output(self, weights: _Weights, start: Array, residuals: PyTree) -> PyTree:
        """Mixes the candidate and the old value."""
        return _mix(start, *residuals)

    def linearize(
        self, weights: _Weights, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Gives the drives of ``r, z`` and ``n``, and the factors of all."""
        starts, (t, n) = chunk.starts, chunk.residuals
        (r, z), h_tm1 = _gates(t), starts.astype(n.dtype)
        drz, dn = _rz_n(self.driven(weights, dweights, chunk, dxs))
        if dweights.w_hh is not None:
            w_rz, w_n = _rz_n(dweights.w_hh)
            drz += matmul(starts, w_rz, self.compute_dtype)
            dn += matmul(r * h_tm1, w_n, self.compute_dtype)
        slopes = 0.25 * (1 - t**2) * jnp.concatenate([h_tm1, h_tm1 - n], axis=-1)
        return drz, dn, slopes, (1 - z) * (1 - n**2), r, z

    def tangent(self, weights: _Weights, dcarry: Array, linear: PyTree) -> PyTree:
        """Takes a step of the linear recurrence."""
        drz, dn, slopes, of_n, r, z = linear
        w_rz, w_n = weights.w_hh_t
        drz += matmul_transposed(dcarry, w_rz, self.compute_dtype)
        dr, dz = jnp.split(slopes * drz, 2, axis=-1)
        dh_tm1 = dcarry.astype(z.dtype)
        dn += matmul_transposed(dr + r * dh_tm1, w_n, self.compute_dtype)
        dh = (z * dh_tm1 + dz + of_n * dn).astype(dcarry.dtype)
        return dh, dh


def gru_rule(
    params: PyTree,
    carry: PyTree,
    *,
    reset_after: bool = True,
    compute_dtype: DTypeLike | None = None,
) -> ResetAfterRule | ResetBeforeRule | None:
    """Takes a GRU apart, or gives ``None`` where something is in the way."""
    # Bad params are left to the step, which says what is wrong with them.
    if not hasattr(params, "b_hn") or reset_after != (params.b_hn is not None):
        return None
    if not are_arrays(carry, *(w for w in params if w is not None)):
        return None
    return (ResetAfterRule if reset_after else ResetBeforeRule)(compute_dtype)


def _rz_n(fused: Array) -> tuple[Array, Array]:
    rz, n = jnp.split(fused, [fused.shape[-1] // 3 * 2], axis=-1)
    return rz, n


def _gates(t: Array) -> tuple[Array, Array]:
    r, z = jnp.split(t, 2, axis=-1)
    return 0.5 * r + 0.5, 0.5 * z + 0.5


def _over_gates(a: Array) -> Array:
    """Sums over the gates: not a sum of slices, whose transpose is a slow copy."""
    return a.reshape(*a.shape[:-1], 3, a.shape[-1] // 3).sum(axis=-2)


def _mix(h_tm1: Array, t: Array, n: Array) -> tuple[Array, Array]:
    _, z = _gates(t)
    h = ((1 - z) * n + z * h_tm1.astype(n.dtype)).astype(h_tm1.dtype)
    return h, h
