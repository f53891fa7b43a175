"""What all cells around one cell share, and how masks are drawn through them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import checks
from recur.arguments import check_arrays
from recur.flags import valid_steps
from recur.padding import map_valid
from recur.portable import portable
from recur.roll import unroll
from recur.sequences import num_steps, swap_time_batch
from recur.series import split_series
from recur.steps import check_step, needs_whole
from recur.types import Array, Cell, Layer, PyTree


class Sizes(NamedTuple):
    """Sizes of the inputs of a roll, from which the shapes of masks follow."""

    steps: int
    batch_shape: tuple[int, ...]
    input_size: int


@portable
class Drawn(NamedTuple):
    """Params of a cell with the masks of one roll beside them."""

    params: PyTree
    masks: PyTree


class Masked(ABC):
    """What draws masks for itself or for parts of it; see :func:`draw_masks`."""

    @abstractmethod
    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> PyTree:
        """Gives the params with the masks of one roll beside them."""
        ...


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


def draw(cell: Any, key: Array, params: PyTree, sizes: Sizes) -> PyTree:
    """Draws the masks of a cell if it has any.

    Example:
      >>> draw(LSTM(4), jax.random.key(0), "params", Sizes(7, (2,), 3))
      'params'
    """
    return cell.draw(key, params, sizes) if isinstance(cell, Masked) else params


def draw_masks(
    cell: Cell, key: Array, params: PyTree, xs: Array, *, time_major: bool = True
) -> PyTree:
    """Draws all random masks of a composition for one roll, before the roll.

    A roll with the params that come back is a training pass: whether it is scanned,
    checkpointed, mapped, differentiated or run again after a crash, it sees these masks
    and no others. A roll with the params that went in is the evaluation.

    Args:
      cell: A composition with parts such as :class:`Dropout` at any depth.
      key: Random key of this roll.
      params: Params of ``cell``.
      xs: The inputs of the roll, ``[T, ..., I]``, or ``[B, T, I]`` if not
        ``time_major``; of them only the shape matters.
      time_major: As in :func:`recur.unroll`.

    Returns:
      The params with the masks beside them.

    Raises:
      TypeError: If ``key`` is not a random key.
      ValueError: If ``xs`` has no time axis.

    Example:
      >>> cell = Stack((Dropout(LSTM(8), rate=0.5), GRU(5)))
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, xs = cell.init_carry((2,)), jnp.ones((7, 2, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> training = unroll(cell, drawn, carry, xs)[1]
      >>> evaluation = unroll(cell, params, carry, xs)[1]
      >>> bool((training == evaluation).all())
      False
    """
    checks.check_key("draw_masks", key)
    checks.check_array("draw_masks", "xs", xs)
    check_step("draw_masks", cell)
    check_arrays("draw_masks", params=params)
    steps = num_steps("draw_masks", xs, None, time_major=time_major)
    axis = 0 if time_major else 1
    batch_shape = (*xs.shape[:axis], *xs.shape[axis + 1 : -1])
    return draw(cell, key, params, Sizes(steps, batch_shape, xs.shape[-1]))


def keep_mask(key: Array, rate: float, shape: tuple[int, ...]) -> Array:
    """Draws True with probability ``1 - rate``.

    Example:
      >>> keep_mask(jax.random.key(0), 0.0, (3,))
      Array([ True,  True,  True], dtype=bool)
    """
    return jax.random.bernoulli(key, 1 - rate, shape)


def scaled(mask: Array, rate: float, a: Array) -> Array:
    """Zeroes what is not kept and scales the rest, so that the mean stays.

    Example:
      >>> scaled(jnp.array([True, False]), 0.5, jnp.ones(2))
      Array([2., 0.], dtype=float32)
    """
    return jnp.where(mask, a / (1 - rate), jnp.zeros_like(a))


__all__ = ["Drawn", "Wrapper", "draw_masks"]
