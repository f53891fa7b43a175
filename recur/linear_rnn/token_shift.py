"""An input beside the one before it, each feature mixed of the two."""

from recur._ops.matmul import scale
from recur.types import Array


def token_shift(mix: Array, x: Array, before: Array) -> Array:
    r"""Mixes an input and the one before: :math:`\mu x + (1 - \mu) x'`.

    Args:
      mix: ``[I]``, 1 for this one alone.
      x: ``[..., I]``.
      before: ``[..., I]``.

    Returns:
      ``[..., I]``.

    Example:
      >>> token_shift(jnp.array([0.75]), jnp.array([4.0]), jnp.array([8.0]))
      Array([5.], dtype=float32)
    """
    return before + scale(x - before, mix)


__all__ = ["token_shift"]
