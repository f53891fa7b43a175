"""Params and carries in what ``jax.export`` writes, and sizes that are not known."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import export

from recur.types import PyTree

Kind = TypeVar("Kind")


def portable(kind: type[Kind]) -> type[Kind]:
    """Lets ``jax.export`` write a named tuple, under its name here."""
    name: Any = f"recur.{kind.__name__}"
    export.register_namedtuple_serialization(kind, serialized_name=name)
    return kind


def known_sizes(*trees: PyTree) -> bool:
    """Whether all sizes are numbers, and none a symbol of ``jax.export``.

    Example:
      >>> (n,) = jax.export.symbolic_shape("n")
      >>> known_sizes(jnp.ones(3)), known_sizes(jax.ShapeDtypeStruct((n,), jnp.int32))
      (True, False)
    """
    return not any(
        is_symbolic(n) for leaf in jax.tree.leaves(trees) for n in jnp.shape(leaf)
    )


def is_symbolic(size: Any) -> bool:
    """Whether a size is a symbol, whose value nobody knows while tracing."""
    return export.is_symbolic_dim(size)
