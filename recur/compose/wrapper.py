"""What all cells around one cell share."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

import jax

from recur import _checks as checks
from recur._roll.composed import Composed, Part, depth
from recur._roll.flags import valid_steps
from recur._roll.padding import fill_invalid, map_valid
from recur._roll.per_step import check_series, split_series
from recur._roll.steps import needs_whole
from recur._roll.time_axis import num_steps, swap_time_batch
from recur._roll.unroll import unroll
from recur.compose.masks import Drawn, Masked, Sizes, draw
from recur.types import Array, Cell, Layer, PyTree, UnrollOptions


@dataclass(frozen=True)
class Around(Masked, Layer, Composed):
    """A cell around a cell, which acts on inputs and outputs at every step.

    Its roll is that of the cell inside, so that this keeps its own way to roll, and
    acts on the outputs of all steps at once.

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
        """Whether to roll the cell inside, and not step by step.

        Not where a subclass has a ``step`` of its own and leaves ``unroll`` as it is.
        """
        return self.needs_whole or depth(self, "unroll") <= depth(self, "step")

    def inside(self, params: PyTree) -> PyTree:
        """Gives the params of the cell inside."""
        return params.params if isinstance(params, Drawn) else params

    def enter(self, params: PyTree, x: PyTree, *time_axis: int) -> PyTree:
        """Makes what enters the cell inside, of one step or of all on a time axis."""
        return x

    def act(self, params: PyTree, x: PyTree, y: PyTree) -> PyTree:
        """Makes the output of one step from input and output of the cell inside."""
        return y

    def act_on_all(self, params: PyTree, xs: PyTree, ys: PyTree) -> PyTree:
        """Acts on all steps, on the first axis; by default on each of them alone."""
        if type(self).act is Around.act:
            return ys
        series, at = split_series(params)
        act = lambda slices, x, y: self.act(at(slices), x, y)  # noqa: E731
        return jax.vmap(act)(series, xs, ys)

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: PyTree = None
    ) -> PyTree:
        """Makes the carry of the cell inside."""
        inner = None if params is None else self.inside(params)
        return self.cell.init_carry(batch_shape, params=inner)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell inside by one step, and acts on its output."""
        entering = self.enter(params, x)
        carry, y = self.cell.step(self.inside(params), carry, entering)
        return carry, self.act(params, x, y)

    def parts(self, params: PyTree, carry: PyTree) -> list[Part]:
        """Lists the cell inside."""
        return [Part(self.cell, self.inside(params), carry)]

    def join(self, carries: list[PyTree]) -> PyTree:
        """Gives the carry of the cell inside."""
        return carries[0]

    def enter_all(self, params: PyTree, xs: PyTree) -> PyTree:
        """Makes what enters the cell inside, of all steps on the first axis."""
        return self.enter(params, xs, 0)

    def unroll(
        self, params: PyTree, carry: PyTree, xs: PyTree, **time: Unpack[UnrollOptions]
    ) -> tuple[PyTree, PyTree]:
        """Rolls the cell inside; see :func:`recur.unroll` for the arguments."""
        if not self.needs_whole and time.get("remat") is not None:
            # Of all outputs only those of a segment may exist: part by part there.
            return unroll(self.step, params, carry, xs, **time)
        time_major = time.get("time_major", True)
        steps = num_steps("unroll", xs, time.get("length"), time_major=time_major)
        check_series("unroll", params, steps)
        turn = swap_time_batch if not time_major else lambda a: a
        valid, act = valid_steps(xs, **time), partial(self.act_on_all, params)
        if type(self).enter is not Around.enter:  # It may be singular at what pads.
            xs = turn(fill_invalid(valid, turn(xs)))
        entering = self.enter(params, xs, 0 if time_major else 1)
        carry, ys = unroll(self.cell, self.inside(params), carry, entering, **time)
        return carry, turn(map_valid(act, valid, turn(xs), turn(ys)))


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
