"""Random masks of a composition, all drawn before the roll."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays
from recur._portable import portable
from recur._roll.laying import lay_as
from recur._roll.steps import check_step
from recur._roll.time_axis import num_steps
from recur.types import Array, Cell, PyTree


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
    return select(mask, a / (1 - rate), jnp.zeros_like(a))


def select(mask: Array, a: Array, b: Array) -> Array:
    """Takes from ``a`` what the mask has, else from ``b``, both of its shape.

    A mask is drawn as if there were one device, also where rows are on many.

    Example:
      >>> select(jnp.array([True, False]), jnp.ones(2), jnp.zeros(2))
      Array([1., 0.], dtype=float32)
    """
    return jnp.where(lay_as(a, mask), a, b)


__all__ = ["Drawn", "draw_masks"]
