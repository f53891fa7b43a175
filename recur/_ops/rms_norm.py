"""Normalisation by the root of the mean square, as read-outs of linear cells use it."""

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import scale
from recur._ops.wide import widened
from recur.types import Array


def rms_norm(a: Array, gain: Array | None = None, eps: float = 1e-5) -> Array:
    r"""Scales the last axis to a mean square of 1, times ``gain``.

    .. math::
        \mathrm{RMS}(a; \alpha) =
            \alpha \odot \frac{a}{\sqrt{\overline{a^2} + \epsilon}}

    Args:
      a: ``[..., O]``.
      gain: ``α``, ``[O]``; none is 1.
      eps: ``ε``, above 0.

    Returns:
      ``[..., O]`` in float32, or float64 if ``a`` is, as are the sums.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> rms_norm(jnp.array([1.0, -1.0]), jnp.ones(2)).round(3)
      Array([ 1., -1.], dtype=float32)

    References:
      Zhang and Sennrich, `Root mean square layer normalization
      <https://arxiv.org/abs/1910.07467>`_, 2019.
    """
    checks.check_positive("rms_norm", "eps", eps)
    a = widened(a)
    square = jnp.mean(jnp.square(a), axis=-1, keepdims=True)
    a = a * jax.lax.rsqrt(square + eps)
    return a if gain is None else scale(a, gain)


__all__ = ["rms_norm"]
