"""Tangents of which some are known to be zero: ``None`` stands for these."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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
    return _pushed(function, primals, tangents)[1]


def _pushed(
    function: Callable, primals: PyTree, tangents: PyTree
) -> tuple[PyTree, PyTree]:
    leaves, tree = jax.tree.flatten(primals)
    dleaves = tree.flatten_up_to(tangents)
    moving = [n for n, d in enumerate(dleaves) if d is not None]

    def of_moving(*values: Array) -> Any:
        new = dict(zip(moving, values, strict=True))
        return function(*tree.unflatten([new.get(n, a) for n, a in enumerate(leaves)]))

    at, along = ([a[n] for n in moving] for a in (leaves, dleaves))
    out, dout = jax.jvp(of_moving, at, along)
    float0 = jax.dtypes.float0
    return out, jax.tree.map(lambda d: None if d.dtype == float0 else d, dout)


def differentiated_as(function: Callable, values: Callable) -> Callable:
    """Gives a function with the values of one and the derivatives of an equal other.

    Example:
      >>> quick = differentiated_as(lambda x: x * x, lambda x: x**2)
      >>> jax.value_and_grad(quick)(3.0)
      (Array(9., dtype=float32...), Array(6., dtype=float32...))
    """
    call = jax.custom_jvp(lambda *args: batch_axis_first(values(*args)))

    def push(primals: PyTree, tangents: PyTree) -> tuple[PyTree, PyTree]:
        out, dout = _pushed(function, primals, drop_symbolic_zeros(tangents))
        return batch_axis_first(out), _with_float0(out, dout)

    call.defjvp(push, symbolic_zeros=True)
    return call


def batch_axis_first(outputs: PyTree) -> PyTree:
    """Gives arrays as they are, under ``jax.vmap`` with their batch axis in front.

    JAX takes it for granted that a function and its rule of differentiation put out
    their batch axis at the same place. A reshape always puts it first.
    """
    return jax.tree.map(lambda a: a.reshape(1, *a.shape).reshape(a.shape), outputs)


def _with_float0(primals: PyTree, tangents: PyTree) -> PyTree:
    """Puts for ``None`` what JAX has for the tangents of integers."""
    leaves, tree = jax.tree.flatten(primals)
    pairs = zip(leaves, tree.flatten_up_to(tangents), strict=True)
    nothing = jax.dtypes.float0
    return tree.unflatten(
        [np.zeros(a.shape, nothing) if d is None else d for a, d in pairs]
    )


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, SymbolicZero)
