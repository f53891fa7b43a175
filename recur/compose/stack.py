"""Layers on top of each other: a cell made of cells."""

from dataclasses import dataclass
from typing import Any, Unpack

import jax

from recur import _checks as checks
from recur._arguments import checks_first
from recur._roll.composed import Composed, Part
from recur._roll.steps import check_step, needs_whole, step_of
from recur._roll.unroll import unroll
from recur.compose.masks import Masked, Sizes, draw
from recur.types import Array, Layer, PyTree, UnrollOptions


def _check_one(*given: Any, **_: Any) -> None:
    if len(given) > 1:
        raise TypeError(
            f"Stack: there are {len(given)} arguments; expected one, cells, a tuple "
            "from the bottom up. Write Stack((a, b))."
        )


@checks_first(_check_one)
@dataclass(frozen=True)
class Stack(Masked, Layer, Composed):
    r"""A cell made of cells: the output of each is the input of the next.

    .. math::
        (s^l_t, y^l_t) = \mathrm{step}_l(\theta_l, s^l_{t-1}, y^{l-1}_t),
        \qquad y^0_t = x_t

    All layers advance together, so that a stack can be streamed.

    Args:
      cells: Cells from the bottom up, the user's own included. Functions will do where
        only ``step`` is called; and where only :func:`recur.unroll` is, so will layers
        that need the whole sequence, such as :class:`Bidirectional`.

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
        if not isinstance(self.cells, (tuple, list)):
            raise TypeError(
                f"Stack: cells is {checks.describe(self.cells)}; expected a tuple of "
                "cells from the bottom up. Write Stack((GRU(5),)) for one."
            )
        # A list would make the specification unhashable.
        object.__setattr__(self, "cells", tuple(self.cells))
        if not self.cells:
            raise ValueError("Stack: cells is empty; expected one cell or more.")
        for cell in self.cells:
            check_step("Stack", cell)

    @property
    def needs_whole(self) -> bool:
        """Whether one of the layers does."""
        return any(map(needs_whole, self.cells))

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

    def draw(self, key: Array, params: tuple[PyTree, ...], sizes: Sizes) -> PyTree:
        """Draws the masks of every layer."""
        drawn = []
        keys = jax.random.split(key, len(self.cells))
        for cell, p, k in zip(self.cells, params, keys, strict=True):
            drawn.append(draw(cell, k, p, sizes))
            sizes = sizes._replace(input_size=cell.output_size)
        return tuple(drawn)

    def step(
        self, params: tuple[PyTree, ...], carry: tuple[PyTree, ...], x: PyTree
    ) -> tuple[tuple[PyTree, ...], PyTree]:
        """Advances every layer by one step, from the bottom up."""
        self._check(params, carry)
        new_carry = []
        for cell, p, s in zip(self.cells, params, carry, strict=True):
            s, x = step_of("Stack", cell)(p, s, x)
            new_carry.append(s)
        return tuple(new_carry), x

    def parts(
        self, params: tuple[PyTree, ...], carry: tuple[PyTree, ...]
    ) -> list[Part]:
        """Lists the layers, from the bottom up."""
        self._check(params, carry)
        return [*map(Part, self.cells, params, carry)]

    def join(self, carries: list[PyTree]) -> tuple[PyTree, ...]:
        """Makes the carry, one entry a layer."""
        return tuple(carries)

    def unroll(
        self,
        params: tuple[PyTree, ...],
        carry: tuple[PyTree, ...],
        xs: PyTree,
        **time: Unpack[UnrollOptions],
    ) -> tuple[tuple[PyTree, ...], PyTree]:
        """Rolls layer after layer: the whole sequence, or under remat a segment."""
        whole = time.get("remat") is None
        if not whole and not self.needs_whole:
            return unroll(self.step, params, carry, xs, **time)
        self._check(params, carry)
        carries = []
        anew = time.pop("reset_carry", None)
        anew = (None,) * len(self.cells) if anew is None else anew
        for cell, p, s, a in zip(self.cells, params, carry, anew, strict=True):
            time["reset_carry"] = a
            s, xs = unroll(cell, p, s, xs, **time)
            carries.append(s)
        return tuple(carries), xs

    def _check(self, params: PyTree, carry: PyTree) -> None:
        count = len(self.cells)
        checks.check_count("Stack.step", "params", params, count, "Stack.init")
        checks.check_count("Stack.step", "carry", carry, count, "Stack.init_carry")


__all__ = ["Stack"]
