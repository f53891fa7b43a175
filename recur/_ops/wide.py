"""The dtype of sums: float32, or wider where the operands are."""

import jax
import jax.numpy as jnp

from recur.types import Array, DTypeLike


def wide(*dtypes: DTypeLike) -> DTypeLike:
    """Gives float64 if one of these is, as JAX holds it, else float32.

    Example:
      >>> wide(jnp.bfloat16, jnp.float32) == jnp.float32
      True
    """
    # NumPy values may be float64 where JAX holds float32 only.
    held = [jax.dtypes.canonicalize_dtype(dtype) for dtype in dtypes]
    return jnp.float64 if jnp.dtype(jnp.float64) in held else jnp.float32


def widened(a: Array) -> Array:
    """Casts to float32, or wider.

    Example:
      >>> widened(jnp.ones(2, jnp.bfloat16)).dtype
      dtype('float32')
    """
    return jnp.asarray(a, wide(a.dtype))
