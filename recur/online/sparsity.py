"""Which param reaches which entry of the carry in one step, and how to store that."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur.types import Array, DTypeLike, PyTree


class Layout(NamedTuple):
    """The places of a sparse ``[p, n]`` array, at most ``m`` in each row.

    Entries ``i`` and ``j`` of the carry have one colour if no param reaches both, so
    that one cotangent over all entries of a colour gives the derivative of each.
    """

    places: Array  # [p, m], entries of the carry
    kept: Array  # [p, m], False where a param reaches fewer than m
    colours: Array  # [n]
    seeds: Array  # [colours, n], ones at the entries of each colour


def make_layout(pattern: np.ndarray, dtype: DTypeLike) -> Layout:
    """Lays out the True entries of ``pattern`` ``[p, n]``.

    Example:
      >>> pattern = np.array([[True, False], [False, True], [False, True]])
      >>> layout = make_layout(pattern, np.float32)
      >>> layout.places.tolist(), layout.seeds.tolist()
      ([[0], [1], [1]], [[1.0, 1.0]])
    """
    most = max(1, int(pattern.sum(axis=1).max(initial=0)))
    places = np.argsort(~pattern, axis=1, kind="stable")[:, :most]
    kept = np.take_along_axis(pattern, places, axis=1)
    colours = colour(pattern)
    seeds = np.arange(colours.max(initial=0) + 1)[:, None] == colours
    arrays = places.astype(np.int32), kept, colours, seeds.astype(dtype)
    return Layout(*map(jnp.asarray, arrays))


def colour(pattern: np.ndarray) -> np.ndarray:
    """Gives columns that share a True row different colours, greedily: ``[n]``.

    Example:
      >>> colour(np.array([[True, True, False], [False, False, True]])).tolist()
      [0, 1, 0]

    References:
      Curtis, Powell and Reid, `On the estimation of sparse Jacobian matrices
      <https://doi.org/10.1093/imamat/13.1.117>`_, 1974.
    """
    dense = pattern.astype(np.float32)
    clash = dense.T @ dense > 0
    colours = np.full(len(clash), -1, np.int32)
    for i, others in enumerate(clash):
        taken = set(colours[others])
        colours[i] = next(c for c in range(len(clash)) if c not in taken)
    return colours


def random_like(key: Array, tree: PyTree) -> PyTree:
    """Draws numbers of the shapes of a tree, small enough not to saturate a gate.

    Example:
      >>> random_like(jax.random.key(0), {"w": jnp.ones((4, 2))})["w"].shape
      (4, 2)
    """
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, max(1, len(leaves)))

    def draw(key: Array, leaf: Array) -> Array:
        fan_in = leaf.shape[0] if leaf.ndim > 1 else 1
        return jax.random.normal(key, leaf.shape, leaf.dtype) / fan_in**0.5

    return structure.unflatten(map(draw, keys, leaves))
