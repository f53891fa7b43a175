"""The words of the library as types: arrays, steps, cells and initialisers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import (
    Any,
    Literal,
    Protocol,
    TypeAlias,
    TypedDict,
    Unpack,
    runtime_checkable,
)

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


Remat: TypeAlias = Literal["sqrt"] | int | None
"""Steps of a segment that a roll computes again for the gradient, if any."""

InvalidYs: TypeAlias = Literal["zero", "hold"]
"""What outputs are where a step is not valid."""

Implementation: TypeAlias = str | tuple[str, ...]
"""The name of a way to roll, or several, of which the first that can is taken."""


class FlagOptions(TypedDict, total=False):
    """Which steps are valid, and which start a segment."""

    seq_lengths: Array | None
    mask: Array | None
    reset: Array | None


class WalkOptions(FlagOptions, total=False):
    """The keyword arguments of :func:`recur.unroll` that any roll may take."""

    reset_carry: PyTree
    length: int | None
    invalid_ys: InvalidYs
    implementation: Implementation
    scan_unroll: int


class LossOptions(WalkOptions, total=False):
    """The keyword arguments of :func:`recur.unroll` but ``remat``."""

    reverse: bool
    time_major: bool


class ModuleOptions(WalkOptions, total=False):
    """Those that are no attributes of a Flax module by themselves."""

    remat: Remat


class UnrollOptions(LossOptions, total=False):
    """The keyword arguments of :func:`recur.unroll`."""

    remat: Remat


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


class Layer(ABC):
    """What rolls itself: :func:`recur.unroll` hands it all of its arguments.

    For what needs the whole sequence, as :class:`recur.Bidirectional` does, or rolls
    parts of itself, as :class:`recur.Stack`. To say so takes this class; a method of
    the name alone could mean anything.

    Example:
      >>> class Twice(recur.Layer):
      ...     def unroll(self, params, carry, xs, **time):
      ...         return recur.unroll(lambda p, s, x: (s + x, s), params, carry, 2 * xs)
      >>> recur.unroll(Twice(), None, 0.0, jnp.ones(3))[0]
      Array(6., dtype=float32...)
    """

    @property
    def needs_whole(self) -> bool:
        """Whether it can only be rolled over a whole sequence, not taken step by step.

        So it is, unless a subclass says otherwise and has a ``step``.
        """
        return True

    @property
    def rolls_itself(self) -> bool:
        """Whether its ``unroll`` is called even where it has a ``step`` too."""
        return True

    @abstractmethod
    def unroll(
        self, params: PyTree, carry: PyTree, xs: PyTree, **time: Unpack[UnrollOptions]
    ) -> tuple[PyTree, PyTree]:
        """Rolls over a sequence: ``(carry, ys)``.

        ``time`` holds the keyword arguments of :func:`recur.unroll` as they came, but
        for a ``reset_carry`` that was left out: it is then what ``init_carry`` makes.
        """
        ...


__all__ = [
    "Activation",
    "Array",
    "Cell",
    "DTypeLike",
    "Initializer",
    "Layer",
    "PyTree",
    "Step",
]
