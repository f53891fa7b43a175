"""The block that deep stacks of linear recurrences are made of."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_functions
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.compose.masks import Sizes, draw
from recur.compose.wrapper import Wrapper
from recur.initializers import LeCun
from recur.types import Array, DTypeLike, Initializer, PyTree


@portable
class ResidualBlockParams(NamedTuple):
    """Weights of a cell and of what stands around it."""

    cell: PyTree
    gain: Array  # [H]
    shift: Array  # [H]
    w: Array  # [H, 2H], the value and its gate side by side
    b: Array  # [2H]
    w_ih: Array | None  # [I, H], where sizes differ
    b_ih: Array | None  # [H]


@dataclass(frozen=True)
class ResidualBlock(Wrapper):
    r"""A norm, a cell, a gated nonlinearity, and a residual connection around them.

    .. math::
        u_t &= x_t \quad \text{or, where sizes differ,} \quad x_t W_x + b_x \\
        z_t &= \mathrm{gelu}(\mathrm{cell}(\mathrm{LN}(u_t; \alpha) + \beta)) \\
        y_t &= u_t + (z_t W_v + b_v) \odot \sigma(z_t W_g + b_g)

    A linear recurrence mixes over time and is linear in its carry: what makes a network
    of it is this block around it, several times over. The norm is of each step alone,
    where some of the papers have one of the batch.

    Args:
      cell: The cell inside; ``H`` is the size of its output, and of its input.
      kernel_init: Draws the matrices, by default of variance one by their input size.
      dtype: Dtype of the params around the cell.

    Raises:
      TypeError: If ``cell`` is no cell.

    Example:
      >>> cell = Stack((ResidualBlock(LRU(8)),) * 4)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, ys = unroll(cell, params, None, jnp.ones((5, 2, 3)))
      >>> ys.shape
      (5, 2, 8)

    References:
      Orvieto et al., `Resurrecting recurrent neural networks for long sequences
      <https://arxiv.org/abs/2303.06349>`_, 2023; Smith, Warrington and Linderman,
      `Simplified state space layers for sequence modeling
      <https://arxiv.org/abs/2208.04933>`_, 2023.
    """

    kernel_init: Initializer = LeCun()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_functions("ResidualBlock", kernel_init=self.kernel_init)
        checks.check_floating("ResidualBlock", "dtype", self.dtype)

    def init(self, key: Array, input_size: int) -> ResidualBlockParams:
        """Draws the params of the cell, and of what stands around it."""
        checks.check_size("ResidualBlock.init", "input_size", input_size)
        size, dtype = self.output_size, self.dtype
        k_cell, k_w, k_ih = jax.random.split(key, 3)
        w_ih = b_ih = None
        if input_size != size:
            w_ih = self.kernel_init(k_ih, (input_size, size), dtype)
            b_ih = jnp.zeros(size, dtype)
        return ResidualBlockParams(
            self.cell.init(k_cell, size),
            jnp.ones(size, dtype),
            jnp.zeros(size, dtype),
            self.kernel_init(k_w, (size, 2 * size), dtype),
            jnp.zeros(2 * size, dtype),
            w_ih,
            b_ih,
        )

    def inside(self, params: ResidualBlockParams) -> PyTree:
        """Gives the params of the cell inside."""
        checks.check_type(
            "ResidualBlock.step",
            "params",
            params,
            ResidualBlockParams,
            "ResidualBlock.init",
        )
        return params.cell

    def draw(
        self, key: Array, params: ResidualBlockParams, sizes: Sizes
    ) -> ResidualBlockParams:
        """Draws the masks of the cell inside, for inputs of its size."""
        sizes = sizes._replace(input_size=self.output_size)
        return params._replace(cell=draw(self.cell, key, params.cell, sizes))

    def enter(self, params: ResidualBlockParams, x: Array, *time_axis: int) -> Array:
        """Normalises what enters the cell."""
        u = _projected(params, x)
        normed = layer_norm(u, params.gain)
        return add_bias(normed, params.shift).astype(u.dtype)

    def act(self, params: ResidualBlockParams, x: Array, y: Array) -> Array:
        """Adds the gated output to what entered."""
        z = jax.nn.gelu(y, approximate=True)
        both = add_bias(matmul(z, params.w), params.b)
        value, gate = jnp.split(both, 2, axis=-1)
        u, gated = _projected(params, x), value * jax.nn.sigmoid(gate)
        return u.astype(y.dtype) + gated.astype(y.dtype)

    def act_on_all(self, params: ResidualBlockParams, xs: PyTree, ys: Array) -> Array:
        """Acts on all steps at once: each row is alone."""
        return self.act(params, xs, ys)


def _projected(params: ResidualBlockParams, x: Array) -> Array:
    size = params.gain.shape[-1]
    if params.w_ih is None or params.b_ih is None:
        checks.check_same_size("ResidualBlock", x.shape[-1], size)
        return x
    return add_bias(matmul(x, params.w_ih), params.b_ih)


__all__ = ["ResidualBlock", "ResidualBlockParams"]
