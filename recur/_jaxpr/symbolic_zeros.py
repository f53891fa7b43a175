"""Tangents of which some are known to be zero: ``None`` stands for these."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from recur.types import Array, PyTree


def drop_symbolic_zeros(tangents: PyTree) -> PyTree:
    """Puts ``None`` for the zeros that JAX marks, so that nobody multiplies them."""
    return jax.tree.map(
        lambda d: None if _is_zero(d) else d, tangents, is_leaf=_is_zero
    )


def instantiate_zeros(primals: PyTree, tangents: PyTree) -> PyTree:
    """Puts arrays of zeros for ``None``.

    Example:
      >>> instantiate_zeros((jnp.ones(2), jnp.ones(1)), (None, jnp.ones(1)))[0]
      Array([0., 0.], dtype=float32)
    """
    leaves, tree = jax.tree.flatten(primals)
    pairs = zip(leaves, tree.flatten_up_to(tangents), strict=True)
    return tree.unflatten([jnp.zeros_like(a) if d is None else d for a, d in pairs])


def has_tangent(a: Any) -> bool:
    """Whether a value is differentiated: floating-point and complex numbers are.

    Example:
      >>> [has_tangent(jnp.zeros((), dtype)) for dtype in (float, complex, int)]
      [True, True, False]
    """
    return jnp.issubdtype(a.dtype, jnp.inexact)


def push_forward(function: Callable, primals: PyTree, tangents: PyTree) -> PyTree:
    """Gives the tangent of ``function(*primals)``; unlike ``jax.jvp``, skips zeros.

    Example:
      >>> push_forward(lambda a, b: a * b, (2.0, 3.0), (None, 1.0))
      Array(2., dtype=float32...)
    """
    leaves, tree = jax.tree.flatten(primals)
    dleaves = tree.flatten_up_to(tangents)
    moving = [n for n, d in enumerate(dleaves) if d is not None]

    def of_moving(*values: Array) -> Any:
        new = dict(zip(moving, values, strict=True))
        return function(*tree.unflatten([new.get(n, a) for n, a in enumerate(leaves)]))

    at, along = ([a[n] for n in moving] for a in (leaves, dleaves))
    _, out = jax.jvp(of_moving, at, along)
    return jax.tree.map(lambda d: None if d.dtype == jax.dtypes.float0 else d, out)


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, SymbolicZero)
