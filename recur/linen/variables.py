"""The params and the carry of a cell as Linen variables, named as the cell does."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from recur._distribution import install
from recur._flax.names import check_partitioning, from_names, name_of, to_names
from recur.types import Array, PyTree

try:
    from flax import linen as nn
    from flax.core import FrozenDict
except ModuleNotFoundError as error:
    hint = f"recur.linen needs Flax. Install it with {install('flax')}."
    raise ModuleNotFoundError(hint, name=error.name) from error

Axes = Mapping[str, tuple[str | None, ...]]


class Variables(nn.Module):
    """Holds params and carry; alone it computes nothing."""

    cell: Any
    partitioning: Axes = FrozenDict()

    @nn.compact
    def params(self, input_size: int) -> PyTree:
        """The params as the cell itself takes them, drawn where there are none.

        From outside: ``module.apply(variables, input_size, method="params")``.
        """
        shapes = self.shapes(input_size)
        named = to_names(shapes, "w")
        if self.is_mutable_collection("params") and not self.has("params", shapes):
            drawn = self.cell.init(self.make_rng("params"), input_size)
            carry = jax.eval_shape(lambda p: self.cell.init_carry(params=p), shapes)
            check_partitioning("linen", self.partitioning, {"w": drawn, "h": carry})
            named = self._boxed(drawn, "w")
        held = {name: self.param(name, _given(a)) for name, a in named.items()}
        return from_names(shapes, held, "w")

    def shapes(self, input_size: int) -> PyTree:
        """The params without their numbers."""
        return jax.eval_shape(lambda: self.cell.init(jax.random.key(0), input_size))

    def has(self, collection: str, shapes: PyTree) -> bool:
        """Whether every part of a tree is there."""
        root = "w" if collection == "params" else "h"
        return all(self.has_variable(collection, n) for n in to_names(shapes, root))

    def get(self, collection: str, shapes: PyTree) -> PyTree:
        """The variables of a collection, in the structure of ``shapes``."""
        root = "w" if collection == "params" else "h"
        names = to_names(shapes, root)
        held = {name: self.get_variable(collection, name) for name in names}
        return from_names(shapes, nn.unbox(held), root)

    def put_carry(self, carry: PyTree) -> None:
        """Keeps a carry for the next call."""
        for name, value in self._boxed(carry, "h").items():
            self.put_variable("carry", name, value)

    def _boxed(self, tree: PyTree, root: str) -> dict[str, PyTree]:
        def box(path: Any, a: Array) -> Any:
            axes = self.partitioning.get(name_of(path, root))
            return a if axes is None else nn.Partitioned(a, tuple(axes))

        return jax.tree.map_with_path(box, to_names(tree, root))


def _given(tree: PyTree) -> Callable[[Array], PyTree]:
    # Of shapes Flax compares what it holds with, and then asks for nothing else.
    def init(_: Array) -> PyTree:
        def value(a: Any) -> Array:
            abstract = isinstance(a, jax.ShapeDtypeStruct)
            return jnp.zeros(a.shape, a.dtype) if abstract else a

        return jax.tree.map(value, tree)

    return init
