"""Trees of numbers as one vector, as the equations of online learning have them."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._roll.per_step import split_series
from recur.types import Array, DTypeLike, PyTree

Unflatten: TypeAlias = Callable[[Array], PyTree]


def wide_dtype(where: str, **trees: PyTree) -> DTypeLike:
    """Finds what all leaves fit in: float64 if one of them has it, else float32.

    Refuses leaves that have no gradient, and series, of which a step has but a slice.

    Example:
      >>> wide_dtype("doc", params=jnp.ones(2, jnp.bfloat16))
      dtype('float32')
    """
    dtypes = [jnp.dtype(jnp.float32)]
    if any(split_series(tree)[0] for tree in trees.values()):
        raise TypeError(
            f"{where}: {' or '.join(trees)} hold a PerStep; expected the same params "
            "at every step. Pass what differs, such as masks, to the step as part of x."
        )
    for name, tree in trees.items():
        for path, leaf in jax.tree.leaves_with_path(tree):
            checks.check_array(where, name + jax.tree_util.keystr(path), leaf)
            dtypes.append(jnp.dtype(leaf.dtype))
    return max(dtypes, key=lambda dtype: dtype.itemsize)


def flatten(tree: PyTree, dtype: DTypeLike) -> tuple[Array, Unflatten]:
    """Lays all leaves end to end, and says how to get the tree back.

    Example:
      >>> vector, back = flatten((jnp.ones(2), jnp.zeros((1, 2))), jnp.float32)
      >>> vector
      Array([1., 1., 0., 0.], dtype=float32)
      >>> back(vector)[1].shape
      (1, 2)
    """
    leaves, structure = jax.tree.flatten(tree)
    types = [jax.typeof(leaf) for leaf in leaves]
    ends = np.cumsum([t.size for t in types])[:-1]

    def unflatten(vector: Array) -> PyTree:
        parts = jnp.split(vector, ends) if types else []
        pairs = zip(parts, types, strict=True)
        return structure.unflatten(
            [a.reshape(t.shape).astype(t.dtype) for a, t in pairs]
        )

    flat = [jnp.ravel(leaf).astype(dtype) for leaf in leaves]
    return jnp.concatenate(flat) if flat else jnp.zeros(0, dtype), unflatten
