"""Layer normalisation, as the cells that carry its name use it."""

import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import scale
from recur._ops.wide import wide
from recur.types import Array


def layer_norm(a: Array, gain: Array | None = None, eps: float = 1e-5) -> Array:
    r"""Shifts and scales the last axis to mean 0 and variance 1, times ``gain``.

    .. math::
        \mathrm{LN}(a; \alpha) = \alpha \odot \frac{a - \mu}{\sqrt{\sigma^2 + \epsilon}}

    The paper has no ``ε``; without it the gradient at equal entries, such as those of a
    zero carry, is not finite.

    Args:
      a: ``[..., O]``.
      gain: ``α``, ``[O]``; none is 1.
      eps: ``ε``, above 0.

    Returns:
      ``[..., O]`` in float32, or float64 if ``a`` is, as are the statistics.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> layer_norm(jnp.array([1.0, 3.0]), jnp.ones(2)).round(3)
      Array([-1.,  1.], dtype=float32)

    References:
      Ba, Kiros and Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_,
      2016.
    """
    checks.check_positive("layer_norm", "eps", eps)
    a = a.astype(wide(a.dtype))
    centred = a - jnp.mean(a, axis=-1, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
    a = centred / jnp.sqrt(variance + eps)
    return a if gain is None else scale(a, gain)


__all__ = ["layer_norm"]
