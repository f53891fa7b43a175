"""Layers on top of each other: a cell made of cells."""

from dataclasses import dataclass
from typing import Any

import jax

from recur import checks
from recur.steps import step_of
from recur.types import Array, PyTree


@dataclass(frozen=True)
class Stack:
    r"""A cell made of cells: the output of each is the input of the next.

    .. math::
        (s^l_t, y^l_t) = \mathrm{step}_l(\theta_l, s^l_{t-1}, y^{l-1}_t),
        \qquad y^0_t = x_t

    All layers advance together, so that a stack is rolled once and can be streamed.

    Args:
      cells: Cells from the bottom up, the user's own included. Functions will do where
        only ``step`` is called.

    Raises:
      TypeError: If an entry is neither a cell nor a function.
      ValueError: If there is none.

    Example:
      >>> cell = Stack((LSTM(8), GRU(5)))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, ys = unroll(cell, params, cell.init_carry((2,)), jnp.ones((7, 2, 3)))
      >>> ys.shape, carry[0].h.shape, carry[1].shape
      ((7, 2, 5), (2, 8), (2, 5))
    """

    cells: tuple[Any, ...]

    def __post_init__(self) -> None:
        # A list would make the specification unhashable.
        object.__setattr__(self, "cells", tuple(self.cells))
        if not self.cells:
            raise ValueError("Stack: cells is empty; expected one cell or more.")
        for cell in self.cells:
            step_of("Stack", cell)

    @property
    def output_size(self) -> int:
        """Output size of the top cell."""
        return self.cells[-1].output_size

    def init(self, key: Array, input_size: int) -> tuple[PyTree, ...]:
        """Draws the params, one entry a layer."""
        params = []
        for cell, k in zip(
            self.cells, jax.random.split(key, len(self.cells)), strict=True
        ):
            params.append(cell.init(k, input_size))
            input_size = cell.output_size
        return tuple(params)

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: tuple[PyTree, ...] | None = None,
    ) -> tuple[PyTree, ...]:
        """Makes the carry, one entry a layer."""
        layers = (None,) * len(self.cells) if params is None else params
        pairs = zip(self.cells, layers, strict=True)
        return tuple(cell.init_carry(batch_shape, params=p) for cell, p in pairs)

    def step(
        self, params: tuple[PyTree, ...], carry: tuple[PyTree, ...], x: PyTree
    ) -> tuple[tuple[PyTree, ...], PyTree]:
        """Advances every layer by one step, from the bottom up."""
        checks.check_count(
            "Stack.step", "params", params, len(self.cells), "Stack.init"
        )
        checks.check_count(
            "Stack.step", "carry", carry, len(self.cells), "Stack.init_carry"
        )
        new_carry = []
        for cell, p, s in zip(self.cells, params, carry, strict=True):
            s, x = step_of("Stack", cell)(p, s, x)
            new_carry.append(s)
        return tuple(new_carry), x


__all__ = ["Stack"]
