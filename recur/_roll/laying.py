"""Where the rows of a carry are on an explicit mesh: where those of the inputs are."""

from functools import partial
from typing import Any

import jax
from jax.core import Tracer
from jax.sharding import NamedSharding, PartitionSpec

from recur.types import Array, PyTree


def lay_beside(
    xs: PyTree, carry: PyTree, batch_axes: int, *, time_major: bool
) -> PyTree:
    """Lays a new carry over the devices of an explicit mesh as its inputs are.

    Args:
      xs: Inputs, with axes of time, of the batch, and their own.
      carry: As a cell made it: on one device, or the same on all.
      batch_axes: How many there are, its first.
      time_major: Whether the axis of time is the first of ``xs``, or the second.

    Returns:
      The carry; as it came where a mesh is left to the compiler, or there is none.

    Example:
      >>> lay_beside(jnp.ones((7, 2, 3)), jnp.zeros((2, 4)), 1, time_major=True).shape
      (2, 4)
    """
    time = 0 if time_major else 1
    for x in jax.tree.leaves(xs):
        axes = _axes(x)
        rows = (axes[:time] + axes[time + 1 :])[:batch_axes]
        if any(rows):
            return jax.tree.map(partial(_lay, like=x, axes=rows), carry)
    return carry


def lay_as(like: Array, a: Array) -> Array:
    """Lays an array over the devices of an explicit mesh as another of its axes is.

    Example:
      >>> lay_as(jnp.zeros(2), jnp.ones(2))
      Array([1., 1.], dtype=float32)
    """
    axes = _axes(like)
    return _lay(a, like, axes) if any(axes) else a


def _axes(a: Any) -> tuple[Any, ...]:
    """Of an explicit mesh, along which each axis is laid; nothing of other arrays."""
    return tuple(jax.typeof(a).sharding.spec) if isinstance(a, jax.Array) else ()


def _lay(a: Array, like: Array, axes: Any) -> Array:
    spec = PartitionSpec(*axes[: a.ndim])  # A count of steps has no rows.
    if isinstance(like, Tracer):
        mesh = jax.typeof(like).sharding.mesh
        return jax.sharding.reshard(a, NamedSharding(mesh, spec))
    # Outside of a program there may be no mesh in context.
    assert isinstance(like.sharding, NamedSharding)  # Which has axes with names.
    return jax.device_put(a, NamedSharding(like.sharding.mesh, spec))
