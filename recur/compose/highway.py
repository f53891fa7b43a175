"""The highway: a gate between input and output of a cell."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_functions, check_number
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.compose.masks import Sizes, draw
from recur.compose.wrapper import Wrapper
from recur.initializers import Glorot
from recur.types import Array, DTypeLike, Initializer, PyTree


@portable
class HighwayParams(NamedTuple):
    """Weights of a cell and of the gate beside it."""

    cell: PyTree
    w: Array  # [I, I]
    b: Array  # [I]


@dataclass(frozen=True)
class Highway(Wrapper):
    r"""Lets a gate choose between the input and the output of a cell.

    .. math::
        t &= \sigma(x_t W + b) \\
        y_t &= t \odot \mathrm{cell}(x_t) + (1 - t) \odot x_t

    Args:
      cell: The cell inside; its output must have the size of its input.
      transform_bias: First value of ``b``; below 0 the input is carried at first.
      kernel_init: Draws ``W [I, I]``.
      dtype: Dtype of ``W`` and ``b``.

    Raises:
      TypeError: If ``cell`` is no cell.

    Example:
      >>> cell = Highway(GRU(4))
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 4)))
      >>> y.shape
      (2, 4)

    References:
      Srivastava, Greff and Schmidhuber, `Highway networks
      <https://arxiv.org/abs/1505.00387>`_, 2015.
    """

    transform_bias: float = -1.0
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("Highway", "transform_bias", self.transform_bias)
        check_functions("Highway", kernel_init=self.kernel_init)
        checks.check_floating("Highway", "dtype", self.dtype)

    def init(self, key: Array, input_size: int) -> HighwayParams:
        """Draws the params of the cell and of the gate."""
        checks.check_size("Highway.init", "input_size", input_size)
        checks.check_same_size("Highway", input_size, self.output_size)
        k_cell, k_w = jax.random.split(key)
        w = self.kernel_init(k_w, (input_size, input_size), self.dtype)
        b = jnp.full((input_size,), self.transform_bias, self.dtype)
        return HighwayParams(self.cell.init(k_cell, input_size), w, b)

    def inside(self, params: HighwayParams) -> PyTree:
        """Gives the params of the cell inside."""
        checks.check_type(
            "Highway.step", "params", params, HighwayParams, "Highway.init"
        )
        return params.cell

    def draw(self, key: Array, params: HighwayParams, sizes: Sizes) -> HighwayParams:
        """Draws the masks of the cell inside."""
        return params._replace(cell=draw(self.cell, key, params.cell, sizes))

    def act(self, params: HighwayParams, x: Array, y: Array) -> Array:
        """Mixes the output with the input."""
        t = jax.nn.sigmoid(add_bias(matmul(x, params.w), params.b))
        mixed = t * y.astype(t.dtype) + (1 - t) * x.astype(t.dtype)
        return mixed.astype(y.dtype)

    def act_on_all(self, params: HighwayParams, xs: PyTree, ys: Array) -> Array:
        """Acts on all steps at once: each row is alone."""
        return self.act(params, xs, ys)


__all__ = ["Highway", "HighwayParams"]
