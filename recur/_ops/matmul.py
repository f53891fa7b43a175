"""The one product every cell is made of, and its arithmetic in each precision."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType

from recur._ops.wide import wide
from recur.types import Array, DTypeLike, PyTree


@partial(
    jax.tree_util.register_dataclass, data_fields=["weight", "mask"], meta_fields=[]
)
@dataclass(frozen=True)
class MaskedWeight:
    """A weight that multiplies only what a mask lets through: ``(x * mask) @ weight``.

    It stands in the place of a weight in params, for any step that uses the weight as
    ``x @ w`` only.

    Args:
      weight: ``[I, O]``.
      mask: ``[..., I]``, with the leading axes of ``x``.

    Example:
      >>> jnp.ones((1, 2)) @ MaskedWeight(jnp.ones((2, 1)), jnp.array([[3.0, 0.0]]))
      Array([[3.]], dtype=float32)
    """

    weight: Any
    mask: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return self.weight.shape

    @property
    def dtype(self) -> Any:
        """Dtype of the weight."""
        return self.weight.dtype

    def __getitem__(self, index: Any) -> "MaskedWeight":
        """Takes some columns, ``w[:, start:stop]``; the rows stay whole."""
        rows, columns = index
        if rows != slice(None):
            raise IndexError(f"MaskedWeight: rows are {rows}; expected all, w[:, ...].")
        return MaskedWeight(self.weight[:, columns], self.mask)

    def __rmatmul__(self, x: Array) -> Array:
        """Multiplies ``(x * mask) @ weight``."""
        return (x * self.mask.astype(x.dtype)) @ self.weight


def map_recurrent(
    where: str, function: Callable[[int, Any], Any], params: PyTree
) -> PyTree:
    """Replaces each recurrent weight, a part of params named ``w_hh``.

    Example:
      >>> map_recurrent("doc", lambda n, w: n + w, {"a": {"w_hh": 5}, "b": 7})
      {'a': {'w_hh': 5}, 'b': 7}
    """
    found = 0

    def replace(path: Any, leaf: Any) -> Any:
        nonlocal found
        name = (
            getattr(path[-1], "name", getattr(path[-1], "key", None)) if path else None
        )
        if name != "w_hh":
            return leaf
        found += 1
        return function(found - 1, leaf)

    def is_leaf(leaf: Any) -> bool:
        return isinstance(leaf, MaskedWeight)

    params = jax.tree.map_with_path(replace, params, is_leaf=is_leaf)
    if not found:
        raise ValueError(
            f"{where}: params have no part named w_hh; expected the recurrent weights "
            "under that name. Name them so in the params of your cell."
        )
    return params


def matmul(x: Array, w: Any, compute_dtype: DTypeLike | None = None) -> Array:
    """Multiplies ``x @ w`` in ``compute_dtype`` and accumulates in float32 or wider.

    The operands are cast to ``compute_dtype``, by default to the dtype of ``w``. The
    cast stands inside the step, so that the gradient of a float32 weight is summed over
    time in float32 even when the products are in bfloat16.

    Args:
      x: ``[..., I]``.
      w: ``[I, O]``, or a :class:`MaskedWeight`.
      compute_dtype: Dtype of the operands.

    Returns:
      ``[..., O]`` in float32, or float64 when the operands are.

    Example:
      >>> matmul(jnp.ones((2, 3), jnp.bfloat16), jnp.ones((3, 4), jnp.bfloat16)).dtype
      dtype('float32')
    """
    if isinstance(w, MaskedWeight):
        return matmul(x * w.mask.astype(x.dtype), w.weight, compute_dtype)
    x, w, sums = _operands(x, w, compute_dtype)
    out = jnp.matmul(merge_rows(x), w, preferred_element_type=sums)
    return out.reshape(*x.shape[:-1], *out.shape[-1:])


def merge_rows(x: Array) -> Array:
    """Makes one axis of all but the last, unless a mesh may have them apart.

    Then the gradient of a weight contracts one axis: of several, XLA's CPU backend
    would make a transposed copy first. Rows of several devices it would gather.

    Example:
      >>> merge_rows(jnp.zeros((2, 3, 4))).shape
      (6, 4)
    """
    if x.ndim < 3 or _is_laid_out(x):
        return x
    # Not -1: of nothing nobody could tell.
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _is_laid_out(x: Array) -> bool:
    """Whether a mesh has the rows of an array apart, or says where each axis is.

    Inside ``shard_map`` an array is on one device. JAX merges no axis that an explicit
    mesh has shards of, though there be one device only.
    """
    mesh = jax.typeof(x).sharding.mesh
    axes = zip(mesh.axis_sizes, mesh.axis_types, strict=True)
    return any(
        kind == AxisType.Explicit or (size > 1 and kind != AxisType.Manual)
        for size, kind in axes
    )


def matmul_transposed(
    x: Array, w: Array, compute_dtype: DTypeLike | None = None
) -> Array:
    """Multiplies ``x @ w.T``, for a ``w`` that is already turned.

    JAX transposes it into a plain ``dz @ w``, which is what a loop that walks back
    wants to do at every step.

    Example:
      >>> matmul_transposed(jnp.ones((2, 3)), jnp.ones((4, 3))).shape
      (2, 4)
    """
    x, w, sums = _operands(x, w, compute_dtype)
    axes = (((x.ndim - 1,), (1,)), ((), ()))
    return jax.lax.dot_general(x, w, axes, preferred_element_type=sums)


def add_bias(a: Array, b: Array) -> Array:
    """Adds ``b [O]`` to ``a [..., O]`` in the dtype of ``a``.

    Example:
      >>> add_bias(jnp.zeros((2, 3)), jnp.ones(3)).shape
      (2, 3)
    """
    return a + _over_rows(b, a)


def scale(a: Array, w: Array) -> Array:
    """Multiplies ``a [..., O]`` by ``w [O]``, entry by entry, in the dtype of ``a``.

    Example:
      >>> scale(jnp.ones((2, 3)), jnp.ones(3)).shape
      (2, 3)
    """
    return a * _over_rows(w, a)


def _over_rows(v: Array, a: Array) -> Array:
    # What broadcast_to repeats is whole on every device, and so is its cotangent.
    return jax.lax.expand_dims(v.astype(a.dtype), range(a.ndim - 1))


def _operands(x: Array, w: Array, compute_dtype: DTypeLike | None) -> Any:
    # NumPy weights may be float64 where JAX holds float32 only.
    dtype = jax.dtypes.canonicalize_dtype(compute_dtype or w.dtype)
    return jnp.asarray(x, dtype), jnp.asarray(w, dtype), wide(dtype)
