"""A cell told by its params, its carry and its equations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import matmul
from recur._ops.wide import wide
from recur.cells.base import Specification, check_shapes, zero_carry
from recur.cells.table import Names, read_axes, read_shape, split_key
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
    such value by itself. It overrides :meth:`equations`, and that is all. Values of
    other axes are told by :meth:`carry_axes`, params of other axes by
    :meth:`param_axes`, and those that some options do without by :meth:`has`.

    ``I ...`` are drawn by ``kernel_init``, other matrices by ``recurrent_init``, gate
    by gate; single axes by ``bias_init``, but for those that ``constants`` fills and
    what :meth:`initial` draws otherwise. Further letters are what ``sizes`` adds. The
    key is split as ``key_tree`` nests the names of params and ``"shift"``, by default
    among all at once. ``functions`` is how the names of a cell's functions begin, if it
    has some, such as ``"lstm_"``: what is refused is refused in their name.

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
    key_tree: ClassVar[Names] = ()
    functions: ClassVar[str] = ""
    step_is_made_by: ClassVar[tuple[str, ...]] = ("equations", "product")
    """Methods behind the step: a subclass with one of its own inherits no rule."""

    def equations(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """Gives the new carry and ``y``; the carry comes in float32 or wider."""
        raise NotImplementedError

    def param_axes(self) -> Mapping[str, str]:
        """Gives the axes of each of the params, by default ``shapes``."""
        return self.shapes

    def has(self, name: str) -> bool:
        """Whether there is this one of the params; else it is ``None``."""
        return True

    def shift(self, key: Array) -> Any:
        """Makes what is added to the bias that is drawn as ``b``."""
        return 0.0

    def carry_axes(self) -> Any:
        """Gives the axes of each value of the carry, which has the same structure."""
        kind = self.carry_type
        return "H" if kind is None else kind(*["H"] * len(kind._fields))

    def sizes(self) -> dict[str, int]:
        """The sizes that the letters of ``shapes`` stand for, but for ``I``."""
        return {"H": self.hidden_size}

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws one of the params in a way of its own, or ``None`` for the usual."""
        return None

    def product(self, x: Array, w: Array) -> Array:
        """Multiplies ``x @ w`` with operands in ``compute_dtype``."""
        return matmul(x, w, self.compute_dtype)

    def init(self, key: Array, input_size: int) -> Params:
        """Draws the params for inputs ``[..., I]``."""
        where = self._where("init")
        checks.check_key(where, key)
        checks.check_size(where, "input_size", input_size)
        axes = self.param_axes()
        keys = split_key(key, self.key_tree or (*axes, "shift"))
        drawn = {name: self._draw(name, keys, input_size) for name in axes}
        if "b" in drawn and "shift" in keys:
            drawn["b"] += self.shift(keys["shift"])
        return self.params_type(**drawn)

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: Params | None = None
    ) -> Carry:
        """Makes the zero carry, with leading axes such as ``(32,)``."""
        where = self._where("init_carry")
        input_size = self._input_size(where, params)
        zeros = (where, self.hidden_size, batch_shape, self.dtype)

        def one(axes: str) -> Array:  # Each its own buffer: a carry is often donated.
            return zero_carry(*zeros, shape=self._shape(axes, input_size))

        return jax.tree.map(one, self.carry_axes())

    def step(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """Advances by one step; the new carry is in the dtypes of the old."""
        self._check(params, carry, x)
        dtypes = [a.dtype for a in jax.tree.leaves((params, carry))]
        dtype = wide(*dtypes, self.compute_dtype or self.dtype)
        start = jax.tree.map(lambda a: a.astype(dtype), carry)
        new, y = self.equations(params, start, x)
        return _in_dtypes_of(carry, new, y)

    def _draw(
        self, name: str, keys: Mapping[str, Array], input_size: int
    ) -> Array | None:
        if not self.has(name):
            return None
        axes = self.param_axes()[name]
        whole = self._shape(axes, input_size)
        if name in self.constants:
            return jnp.full(whole, self.constants[name], self.dtype)
        drawn = self.initial(name, keys[name], whole)
        if drawn is not None:
            return drawn
        *rows, (gates, _) = read_axes(axes)
        shape = (*whole[:-1], whole[-1] // gates)
        initializer = self.bias_init
        if rows:
            initializer = self.kernel_init if rows[0][1] == "I" else self.recurrent_init
        return init_gates(initializer, keys[name], shape, gates, self.dtype)

    def _where(self, method: str) -> str:
        return f"{self.functions or f'{type(self).__name__}.'}{method}"

    def _check(self, params: Params, carry: Carry, x: Array) -> None:
        where, kind = self._where("step"), self.carry_type
        made = f"{self.functions or f'{type(self).__name__}(...).'}init"
        checks.check_type(where, "params", params, self.params_type, made)
        if kind is not None:
            checks.check_type(where, "carry", carry, kind, f"{made}_carry")
        input_size = self._input_size(where, params)
        shapes = {
            name: self._shape(axes, input_size)
            for name, axes in self.param_axes().items()
            if not (getattr(params, name) is None and self._may_be_none(name))
        }
        axes, leaves = self.carry_axes(), jax.tree.leaves_with_path(carry)
        if jax.tree.structure(axes) != jax.tree.structure(carry):
            leaves: Any = [((), carry)]  # Which is no array.
        named = {f"carry{jax.tree_util.keystr(path)}": a for path, a in leaves}
        texts = dict(zip(named, jax.tree.leaves(axes), strict=False))
        expected = {n: self._shape(text, input_size) for n, text in texts.items()}
        sizes: Any = {"input_size": input_size, "carry_shapes": expected}
        check_shapes(where, params, named, x, shapes, **sizes)

    def _may_be_none(self, name: str) -> bool:
        defaults: Mapping[str, Any] = getattr(self.params_type, "_field_defaults", {})
        return not self.has(name) or name in defaults

    def _input_size(self, where: str, params: Params | None) -> int | None:
        """Reads it off the params; needed for a carry that holds inputs."""
        if params is None:
            if any("I" in axes for axes in jax.tree.leaves(self.carry_axes())):
                raise TypeError(
                    f"{where}: params is None; expected those of the cell, as its "
                    "carry holds inputs. Write init_carry(batch_shape, params=params)."
                )
            return None
        found = self.param_axes()
        name = next(n for n, axes in found.items() if read_axes(axes)[0][1] == "I")
        (times, _), *_ = read_axes(found[name])
        return getattr(params, name).shape[0] // times

    def _shape(self, text: str, input_size: int | None) -> tuple[int, ...]:
        return read_shape(text, {"I": input_size or 0, **self.sizes()})


def _in_dtypes_of(carry: Any, new: Any, y: Array) -> tuple[Any, Array]:
    """Casts each value once, so that a ``y`` that is part of the carry stays so."""
    olds, structure = jax.tree.flatten(carry)
    pairs: list[tuple[PyTree, Any]] = list(zip(jax.tree.leaves(new), olds, strict=True))
    cast = [a.astype(old.dtype) for a, old in pairs]
    same = next((c for (a, _), c in zip(pairs, cast, strict=True) if a is y), None)
    y = y.astype(olds[0].dtype) if same is None else same
    return structure.unflatten(cast), y
