"""The params of a cell as NNX variables, and the random stream of its masks."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax

from recur._distribution import install
from recur._flax.names import check_partitioning, name_of
from recur._flax.refusals import check_cell
from recur._flax.rolling import draws_masks
from recur.types import Array, PyTree

try:
    from flax import nnx
except ModuleNotFoundError as error:
    hint = f"recur.nnx needs Flax. Install it with {install('flax')}."
    raise ModuleNotFoundError(hint, name=error.name) from error

Axes = Mapping[str, tuple[str | None, ...]]


class Params(nnx.Module):
    """Holds the params of a cell; alone it computes nothing."""

    needs: ClassVar[tuple[str, ...]] = ("init", "init_carry")

    def __init__(
        self,
        cell: Any,
        input_size: int,
        *,
        partitioning: Axes | None = None,
        deterministic: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        check_cell(f"nnx.{type(self).__name__}", cell, *self.needs)
        drawn = cell.init(rngs.params(), input_size)
        carry = jax.eval_shape(lambda p: cell.init_carry(params=p), drawn)
        check_partitioning("nnx", partitioning or {}, {"w": drawn, "h": carry})
        self.cell = cell
        self.params: Any = nnx.data(hold(nnx.Param, drawn, "w", partitioning or {}))
        self.deterministic = deterministic
        draws = draws_masks(cell, drawn, input_size)
        self.rngs: Any = nnx.data(rngs.dropout.fork() if draws else None)

    def dropout_key(self, rngs: Any, deterministic: bool | None) -> Array | None:
        """The key of the masks, or ``None`` where none are drawn."""
        deterministic = self.deterministic if deterministic is None else deterministic
        if deterministic or self.rngs is None:
            return None
        # A lone stream is what Flax hands down for carries, and none here is drawn.
        return rngs.dropout() if isinstance(rngs, nnx.Rngs) else self.rngs()


def hold(kind: type, tree: PyTree, root: str, partitioning: Axes) -> Any:
    """Puts each array of a tree in a variable.

    Example:
      >>> hold(nnx.Param, LSTMCarry(jnp.ones(2), jnp.ones(3)), "h", {}).c.shape
      (3,)
    """

    def variable(path: Any, a: Array) -> nnx.Variable:
        axes = partitioning.get(name_of(path, root))
        return kind(a) if axes is None else kind(a, out_sharding=tuple(axes))

    return jax.tree.map_with_path(variable, tree)


def values(tree: PyTree) -> PyTree:
    """Takes the arrays out of the variables of a tree.

    Example:
      >>> values((nnx.Param(jnp.ones(2)), None))
      (Array([1., 1.], dtype=float32), None)
    """
    return jax.tree.map(lambda v: v.get_value(), tree, is_leaf=is_variable)


def is_variable(leaf: Any) -> bool:
    """Whether something is a variable of NNX.

    Example:
      >>> is_variable(nnx.Param(jnp.ones(2)))
      True
    """
    return isinstance(leaf, nnx.Variable)
