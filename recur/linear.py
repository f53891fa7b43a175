"""The one product every cell is made of, and its arithmetic in each precision."""

import jax
import jax.numpy as jnp

from recur.types import Array, DTypeLike


def matmul(x: Array, w: Array, compute_dtype: DTypeLike | None = None) -> Array:
    """Multiplies ``x @ w`` in ``compute_dtype`` and accumulates in float32 or wider.

    The operands are cast to ``compute_dtype``, by default to the dtype of ``w``. The
    cast stands inside the step, so that the gradient of a float32 weight is summed over
    time in float32 even when the products are in bfloat16.

    Args:
      x: ``[..., I]``.
      w: ``[I, O]``.
      compute_dtype: Dtype of the operands.

    Returns:
      ``[..., O]`` in float32, or float64 when the operands are.

    Example:
      >>> matmul(jnp.ones((2, 3), jnp.bfloat16), jnp.ones((3, 4), jnp.bfloat16)).dtype
      dtype('float32')
    """
    # NumPy weights may be float64 where JAX holds float32 only.
    dtype = jax.dtypes.canonicalize_dtype(compute_dtype or w.dtype)
    wide = jnp.float64 if dtype == jnp.float64 else jnp.float32
    x, w = jnp.asarray(x, dtype), jnp.asarray(w, dtype)
    return jnp.matmul(x, w, preferred_element_type=wide)


def add_bias(a: Array, b: Array) -> Array:
    """Adds ``b [O]`` to ``a [..., O]`` in the dtype of ``a``.

    Example:
      >>> add_bias(jnp.zeros((2, 3)), jnp.ones(3)).shape
      (2, 3)
    """
    return a + jnp.broadcast_to(b.astype(a.dtype), a.shape)
