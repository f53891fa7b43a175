"""A cell told by its params, its carry and its equations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import matmul
from recur._ops.wide import wide
from recur.cells.base import Specification, check_shapes, zero_carry
from recur.initializers import init_gates
from recur.types import Array, PyTree

Params = TypeVar("Params", bound=tuple)
Carry = TypeVar("Carry")


@dataclass(frozen=True, kw_only=True)
class GatedCell(Specification, Generic[Params, Carry]):
    """What a cell needs besides its equations, from a table of its shapes.

    A subclass declares ``params_type``, a named tuple; ``shapes``, the axes of each of
    its fields, such as ``"I 4H"``, with the input size ``I`` and the hidden size ``H``;
    and ``carry_type``, a named tuple of values ``[..., H]``, unless its carry is one
    such value by itself. It overrides :meth:`equations`, and that is all.

    ``I ...`` are drawn by ``kernel_init`` and ``H ...`` by ``recurrent_init``, gate by
    gate; single axes by ``bias_init``, but for those that ``constants`` fills.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> from collections import namedtuple
      >>> class Integrator(GatedCell):
      ...     params_type = namedtuple("IntegratorParams", ["w_ih"])
      ...     shapes = {"w_ih": "I H"}
      ...     def equations(self, params, h, x):
      ...         h += jnp.tanh(self.product(x, params.w_ih))
      ...         return h, h
      >>> cell = Integrator(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    params_type: ClassVar[type]
    shapes: ClassVar[Mapping[str, str]]
    carry_type: ClassVar[Any] = None
    constants: ClassVar[Mapping[str, float]] = {}

    def equations(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """Gives the new carry and ``y``; the carry comes in float32 or wider."""
        raise NotImplementedError

    def shift(self, key: Array) -> Any:
        """Makes what is added to the bias that is drawn as ``b``."""
        return 0.0

    def product(self, x: Array, w: Array) -> Array:
        """Multiplies ``x @ w`` with operands in ``compute_dtype``."""
        return matmul(x, w, self.compute_dtype)

    def init(self, key: Array, input_size: int) -> Params:
        """Draws the params for inputs ``[..., I]``."""
        where = f"{type(self).__name__}.init"
        checks.check_key(where, key)
        checks.check_size(where, "input_size", input_size)
        *keys, k_shift = jax.random.split(key, len(self.shapes) + 1)
        names = zip(self.shapes, keys, strict=True)
        drawn = {name: self._draw(name, k, input_size) for name, k in names}
        if "b" in drawn:
            drawn["b"] += self.shift(k_shift)
        return self.params_type(**drawn)

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: Params | None = None
    ) -> Carry:
        """Makes the zero carry, with leading axes such as ``(32,)``."""
        where, kind = f"{type(self).__name__}.init_carry", self.carry_type
        zeros = (where, self.hidden_size, batch_shape, self.dtype)
        # Each its own buffer: a carry is often donated.
        fields = ["h"] if kind is None else kind._fields
        values: Any = {name: zero_carry(*zeros) for name in fields}
        return values["h"] if kind is None else kind(**values)

    def step(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """Advances by one step; the new carry is in the dtypes of the old."""
        self._check(params, carry, x)
        dtype = wide(*(a.dtype for a in jax.tree.leaves((params, carry))))
        start = jax.tree.map(lambda a: a.astype(dtype), carry)
        new, y = self.equations(params, start, x)
        return _in_dtypes_of(carry, new, y)

    def _draw(self, name: str, key: Array, input_size: int) -> Array:
        *rows, (gates, _) = _axes(self.shapes[name])
        if name in self.constants:
            shape = (gates * self.hidden_size,)
            return jnp.full(shape, self.constants[name], self.dtype)
        size = {"I": input_size, "H": self.hidden_size}
        shape = (*(n * size[axis] for n, axis in rows), self.hidden_size)
        by_rows = {"I": self.kernel_init, "H": self.recurrent_init}
        initializer = by_rows[rows[0][1]] if rows else self.bias_init
        return init_gates(initializer, key, shape, gates, self.dtype)

    def _check(self, params: Params, carry: Carry, x: Array) -> None:
        name, kind = type(self).__name__, self.carry_type
        where, made = f"{name}.step", f"{name}(...).init"
        checks.check_type(where, "params", params, self.params_type, made)
        values: Any = {"carry": carry}
        if kind is not None:
            checks.check_type(where, "carry", carry, kind, f"{made}_carry")
            values = {f"carry.{n}": getattr(carry, n) for n in kind._fields}
        reads_x = next(n for n, axes in self.shapes.items() if axes.startswith("I"))
        size = {"I": getattr(params, reads_x).shape[0], "H": self.hidden_size}
        shapes = {
            field: tuple(n * size[axis] for n, axis in _axes(axes))
            for field, axes in self.shapes.items()
        }
        sizes = {"input_size": size["I"], "carry_size": size["H"]}
        check_shapes(where, params, values, x, shapes, **sizes)


def _axes(text: str) -> list[tuple[int, str]]:
    """Reads ``"I 4H"`` as ``[(1, "I"), (4, "H")]``."""
    found = re.findall(r"(\d*)([IH])", text)
    return [(int(n or 1), axis) for n, axis in found]


def _in_dtypes_of(carry: Any, new: Any, y: Array) -> tuple[Any, Array]:
    """Casts each value once, so that a ``y`` that is part of the carry stays so."""
    olds, structure = jax.tree.flatten(carry)
    pairs: list[tuple[PyTree, Any]] = list(zip(jax.tree.leaves(new), olds, strict=True))
    cast = [a.astype(old.dtype) for a, old in pairs]
    same = next((c for (a, _), c in zip(pairs, cast, strict=True) if a is y), None)
    y = y.astype(olds[0].dtype) if same is None else same
    return structure.unflatten(cast), y
