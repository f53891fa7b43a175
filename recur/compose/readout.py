"""An output layer on a cell: the third weight matrix of the textbook unit."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_functions
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.compose.masks import Sizes, draw
from recur.compose.wrapper import Around
from recur.initializers import Glorot, Zeros
from recur.types import Activation, Array, Cell, DTypeLike, Initializer, PyTree


@portable
class ReadoutParams(NamedTuple):
    """Weights of a cell and of the output layer on it."""

    cell: PyTree
    w: Array  # [H, O]
    b: Array  # [O]


def identity(x: Array) -> Array:
    """Gives back what it is given: the activation that is none.

    Example:
      >>> identity(3)
      3
    """
    return x


@dataclass(frozen=True)
class Readout(Around):
    r"""A cell with an output layer: ``y = activation(h W + b)`` at every step.

    .. math::
        (s_t, h_t) = \mathrm{cell}(s_{t-1}, x_t), \qquad y_t = g_y(h_t W + b)

    Input, state and output sizes may all differ. Leave ``activation`` out to get
    logits.

    Args:
      cell: The cell below, the user's own included.
      output_size: ``O``, the last axis of ``y``.
      activation: The function ``g_y``, such as ``jax.nn.sigmoid`` or
        ``jax.nn.softmax``; nothing by default.
      kernel_init: Draws ``w [H, O]``.
      bias_init: Draws ``b [O]``.
      dtype: Dtype of the weights.
      compute_dtype: Dtype of the operands of the product, by default ``dtype``.

    Raises:
      TypeError: If ``output_size`` is not an integer, a function none, or a dtype not
        floating.
      ValueError: If ``output_size`` is below 1.

    Example:
      >>> unit = Readout(Elman(5), 4, activation=jax.nn.softmax)
      >>> params = unit.init(jax.random.key(0), input_size=3)
      >>> carry, y = unit.step(params, unit.init_carry(), jnp.ones(3))
      >>> carry.shape, y.shape
      ((5,), (4,))
    """

    cell: Cell
    output_size: int
    activation: Activation = identity
    kernel_init: Initializer = Glorot()
    bias_init: Initializer = Zeros()
    dtype: DTypeLike = jnp.float32
    compute_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size("Readout", "output_size", self.output_size)
        inits = {"kernel_init": self.kernel_init, "bias_init": self.bias_init}
        check_functions("Readout", activation=self.activation, **inits)
        checks.check_floating("Readout", "dtype", self.dtype)
        if self.compute_dtype is not None:
            checks.check_floating("Readout", "compute_dtype", self.compute_dtype)

    def init(self, key: Array, input_size: int) -> ReadoutParams:
        """Draws the params of the cell and of the output layer."""
        checks.check_key("Readout.init", key)
        k_cell, k_w, k_b = jax.random.split(key, 3)
        return ReadoutParams(
            cell=self.cell.init(k_cell, input_size),
            w=self.kernel_init(
                k_w, (self.cell.output_size, self.output_size), self.dtype
            ),
            b=self.bias_init(k_b, (self.output_size,), self.dtype),
        )

    def inside(self, params: ReadoutParams) -> PyTree:
        """Gives the params of the cell."""
        checks.check_type(
            "Readout.step", "params", params, ReadoutParams, "Readout.init"
        )
        return params.cell

    def draw(self, key: Array, params: ReadoutParams, sizes: Sizes) -> ReadoutParams:
        """Draws the masks of the cell inside."""
        return params._replace(cell=draw(self.cell, key, params.cell, sizes))

    def act(self, params: ReadoutParams, x: PyTree, y: Array) -> Array:
        """Reads the output of the cell."""
        return self.activation(self._logits(params, y)).astype(y.dtype)

    def act_on_all(self, params: ReadoutParams, xs: PyTree, ys: Array) -> Array:
        """Reads the outputs of all steps with one product."""
        activated = jax.vmap(self.activation)(self._logits(params, ys))
        return activated.astype(ys.dtype)

    def _logits(self, params: ReadoutParams, y: Array) -> Array:
        return add_bias(matmul(y, params.w, self.compute_dtype), params.b)


__all__ = ["Readout", "ReadoutParams"]
