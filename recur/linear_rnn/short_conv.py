"""A convolution over the last few inputs, each feature by itself."""

from recur._ops.matmul import add_bias, scale
from recur.types import Array


def short_conv(
    weights: Array, bias: Array | None, past: tuple[Array, ...], u: Array
) -> tuple[Array, tuple[Array, ...]]:
    r"""Sums the last ``K`` inputs, each entry with weights of its own.

    .. math::
        c_t = b + \sum_{k=0}^{K-1} w_{K-1-k} \odot u_{t-k}

    Causal and without an activation. The last row of weights is for the input of this
    step, as in layers that convolve a padded sequence.

    Args:
      weights: ``[K, W]``.
      bias: ``[W]``, or none.
      past: The ``K - 1`` inputs before, the latest first, each ``[..., W]``.
      u: This input, ``[..., W]``.

    Returns:
      ``(c, past)``, the inputs with this one first and without the oldest.

    Example:
      >>> past = (jnp.array([1.0]), jnp.array([10.0]))
      >>> short_conv(jnp.array([[2.0], [3.0], [1.0]]), None, past, jnp.array([0.5]))
      (Array([23.5], dtype=float32), (Array([0.5], dtype=float32), ...))
    """
    window = u, *past
    c = scale(u, weights[-1])
    for k in range(1, len(window)):
        c += scale(window[k], weights[-1 - k])
    return c if bias is None else add_bias(c, bias), window[:-1]


__all__ = ["short_conv"]
