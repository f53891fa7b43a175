"""An initial carry that is learned with the weights."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._portable import portable
from recur.compose.masks import Sizes, draw
from recur.compose.wrapper import Around
from recur.types import Array, Cell, PyTree


@portable
class LearnedCarryParams(NamedTuple):
    """Weights of a cell and the carry it starts from, which has no batch axes."""

    cell: PyTree
    carry: PyTree


@dataclass(frozen=True)
class LearnedCarry(Around):
    """A cell whose initial carry is a parameter, starting at the cell's own.

    ``init_carry`` needs the params then, and gradients flow back into them. An inner
    part of a composition may be wrapped as well as the whole.

    Args:
      cell: The cell below, the user's own included.

    Example:
      >>> cell = LearnedCarry(GRU(5))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((2,), params=params)
      >>> carry, ys = unroll(cell, params, carry, jnp.ones((7, 2, 3)))
      >>> ys.shape
      (7, 2, 5)
    """

    cell: Cell

    @property
    def output_size(self) -> int:
        """Output size of the cell."""
        return self.cell.output_size

    def init(self, key: Array, input_size: int) -> LearnedCarryParams:
        """Draws the params of the cell; the carry starts as the cell's own."""
        params = self.cell.init(key, input_size)
        return LearnedCarryParams(params, self.cell.init_carry(params=params))

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: LearnedCarryParams | None = None,
    ) -> PyTree:
        """Repeats the learned carry over ``batch_shape``.

        Raises:
          TypeError: If ``params`` is not given, or not those of this cell.
        """
        where = "LearnedCarry.init_carry"
        if not isinstance(params, LearnedCarryParams):
            raise TypeError(
                f"{where}: params is {checks.describe(params)}; expected the "
                "LearnedCarryParams that hold the carry. Write "
                "cell.init_carry(batch_shape, params=params)."
            )
        checks.check_batch_shape(where, batch_shape)
        return jax.tree.map(
            lambda a: jnp.broadcast_to(a, (*batch_shape, *a.shape)), params.carry
        )

    def draw(
        self, key: Array, params: LearnedCarryParams, sizes: Sizes
    ) -> LearnedCarryParams:
        """Draws the masks of the cell inside."""
        return params._replace(cell=draw(self.cell, key, params.cell, sizes))

    def inside(self, params: LearnedCarryParams) -> PyTree:
        """Gives the params of the cell."""
        where = "LearnedCarry.step"
        checks.check_type(
            where, "params", params, LearnedCarryParams, "LearnedCarry.init"
        )
        return params.cell


__all__ = ["LearnedCarry", "LearnedCarryParams"]
