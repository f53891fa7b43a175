"""What all cells around one cell share."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from recur import _checks as checks
from recur._roll.masking import valid_steps
from recur._roll.padding import map_valid
from recur._roll.per_step import split_series
from recur._roll.steps import needs_whole
from recur._roll.time_axis import swap_time_batch
from recur._roll.unroll import unroll
from recur.compose.masks import Drawn, Masked, Sizes, draw
from recur.types import Array, Cell, Layer, PyTree


@dataclass(frozen=True)
class Around(Masked, Layer):
    """A cell around a cell, which acts on inputs and outputs at every step.

    Around a layer that needs the whole sequence it is such a layer too: it rolls the
    one inside, and acts on all steps at once.

    Args:
      cell: The cell inside, the user's own included.
    """

    cell: Any

    def __post_init__(self) -> None:
        check_cell(type(self).__name__, self.cell)

    @property
    def needs_whole(self) -> bool:
        """Whether the cell inside does."""
        return needs_whole(self.cell)

    @property
    def rolls_itself(self) -> bool:
        """Whether the cell inside has to."""
        return self.needs_whole

    def inside(self, params: PyTree) -> PyTree:
        """Gives the params of the cell inside."""
        return params.params if isinstance(params, Drawn) else params

    def act(self, params: PyTree, x: PyTree, y: PyTree) -> PyTree:
        """Makes the output from input and output of the cell inside, at any steps."""
        return y

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: PyTree = None
    ) -> PyTree:
        """Makes the carry of the cell inside."""
        inner = None if params is None else self.inside(params)
        return self.cell.init_carry(batch_shape, params=inner)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell inside by one step, and acts on its output."""
        carry, y = self.cell.step(self.inside(params), carry, x)
        return carry, self.act(params, x, y)

    def unroll(
        self, params: PyTree, carry: PyTree, xs: PyTree, **time: Any
    ) -> tuple[PyTree, PyTree]:
        """Rolls the layer inside; see :func:`recur.unroll` for the arguments."""
        carry, ys = unroll(self.cell, self.inside(params), carry, xs, **time)
        turn = swap_time_batch if not time.get("time_major", True) else lambda a: a
        series, at = split_series(params)
        act = partial(self.act, at(series))
        return carry, turn(map_valid(act, valid_steps(xs, **time), turn(xs), turn(ys)))


@dataclass(frozen=True)
class Wrapper(Around):
    """A cell around a cell, with the params and sizes of that cell."""

    @property
    def output_size(self) -> int:
        """Output size of the cell inside."""
        return self.cell.output_size

    def init(self, key: Array, input_size: int) -> PyTree:
        """Draws the params of the cell inside."""
        return self.cell.init(key, input_size)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> PyTree:
        """Draws masks for the cell inside."""
        return draw(self.cell, key, params, sizes)


def check_cell(where: str, cell: Any) -> None:
    """Refuses what is neither a cell nor a layer that rolls itself."""
    if isinstance(cell, type) or not (isinstance(cell, Cell) or needs_whole(cell)):
        name = cell.__name__ if isinstance(cell, type) else None
        hint = f"Write {name}(...) for an instance." if name else ""
        raise TypeError(
            f"{where}: cell is {f'the class {name}' if name else checks.describe(cell)}"
            "; expected an object with init, init_carry, step and output_size, such as "
            f"recur.LSTM(256). {hint}".rstrip()
        )


def check_steps(where: str, cell: Any) -> None:
    """Refuses a layer that needs the whole sequence where each step is changed."""
    if needs_whole(cell):
        raise TypeError(
            f"{where}: cell is a {type(cell).__name__}, which needs the whole "
            "sequence; expected a cell that is taken step by step. Wrap the cells "
            f"inside: {type(cell).__name__}({where}(...))."
        )


__all__ = ["Wrapper"]
