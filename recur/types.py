"""The words of the library as types: arrays, steps, cells and initialisers."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import jax
from jax.typing import DTypeLike

Array: TypeAlias = jax.Array
"""Any JAX array; NumPy arrays are taken wherever one is expected."""

PyTree: TypeAlias = Any
"""Nested containers of arrays, as ``jax.tree`` walks them."""

Step: TypeAlias = Callable[[Any, Any, Any], tuple[Any, Any]]
"""One transition in time: ``step(params, carry, x) -> (carry, y)``."""

Activation: TypeAlias = Callable[[Array], Array]
"""An element-wise (or last-axis) nonlinearity such as ``jnp.tanh``."""

Initializer: TypeAlias = Callable[[Array, tuple[int, ...], Any], Array]
"""``init(key, shape, dtype) -> array``, the form of ``jax.nn.initializers``."""


@runtime_checkable
class Cell(Protocol):
    """What a specification offers: everything a wrapper may ask of a cell.

    Any object with these four members is a cell, whether or not it comes from this
    library. Specifications here are frozen dataclasses: equal by value and hashable,
    so that they are safe as static arguments of ``jax.jit``.
    """

    @property
    def output_size(self) -> int:
        """Size of the last axis of ``y``."""
        ...

    def init(self, key: Array, input_size: int) -> PyTree:
        """Draws the params for inputs ``x`` of shape ``[..., input_size]``."""
        ...

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: PyTree = None
    ) -> PyTree:
        """Makes the carry that enters the first step, for leading axes ``batch_shape``.

        ``params`` matters only to a cell whose initial carry is learned.
        """
        ...

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances by one time step: ``(carry, y)``."""
        ...


__all__ = [
    "Activation",
    "Array",
    "Cell",
    "DTypeLike",
    "Initializer",
    "PyTree",
    "Step",
]
