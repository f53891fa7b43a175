"""The recurrent block of Griffin: a short convolution, an RG-LRU and a gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.initializers import LeCun
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.gated_decay import (
    check_heads,
    draw_blocks,
    draw_retention,
    gated_decay,
)
from recur.linear_rnn.short_conv import short_conv
from recur.types import Array, Initializer


@portable
class GriffinParams(NamedTuple):
    """Weights of the block; ``K`` is ``W / heads``.

    The first are fused on the last axis as ``g, u``, the gates of each head as
    ``r, i``.
    """

    w_ih: Array  # [I, 2W]
    b: Array  # [2W]
    w_conv: Array  # [width, W], the last row for the input of this step
    b_conv: Array  # [W]
    w_gates: Array  # [heads, K, 2K]
    b_gates: Array  # [2W]
    retention: Array  # [W]
    w_ho: Array  # [W, H]
    b_ho: Array  # [H]


@portable
class GriffinCarry(NamedTuple):
    """The value of the RG-LRU, and what was convolved before, the latest first."""

    h: Array  # [..., W]
    past: tuple[Array, ...]  # width - 1 of [..., W]


@dataclass(frozen=True, kw_only=True)
class GriffinBlock(LinearCell[GriffinParams, GriffinCarry]):
    r"""The recurrent block of Griffin and Hawk.

    .. math::
        g &= \mathrm{gelu}(x_t W_g + b_g), \qquad u_t = x_t W_u + b_u \\
        c_t &= b_c + \sum_{k=0}^{K-1} w_{K-1-k} \odot u_{t-k} \\
        h_t &= \mathrm{RGLRU}(h_{t-1}, c_t) \\
        y_t &= (g \odot h_t) \, W_o + b_o

    The convolution is over the last ``width`` of ``u``, each entry by itself; before
    the first they are zero. For ``RGLRU`` see :class:`~recur.linear_rnn.RGLRU`, also
    for the one step in which RecurrentGemma differs.

    Args:
      hidden_size: ``H``, the size of the output, in a network that of the model.
      recurrent_size: ``W``, the size of ``h``; by default ``H``.
      heads: How many blocks the gates are made of; they divide ``W``.
      width: ``K``, how many inputs are convolved.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws all matrices, by default of variance one by their input size, and
        ``recurrent_init`` is not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, or ``heads`` do not divide ``W``.

    Example:
      >>> cell = GriffinBlock(5, recurrent_size=6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=5)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 5)))
      >>> y.shape, carry.h.shape
      ((2, 5), (2, 6))

    References:
      De, Smith et al., `Griffin: mixing gated linear recurrences with local attention
      for efficient language models <https://arxiv.org/abs/2402.19427>`_, 2024.
    """

    params_type = GriffinParams
    carry_type = GriffinCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 2W",
        "b": "2W",
        "w_conv": "C W",
        "b_conv": "W",
        "w_gates": "N K 2K",
        "b_gates": "2W",
        "retention": "W",
        "w_ho": "W H",
        "b_ho": "H",
    }

    recurrent_size: int | None = None
    heads: int = 1
    width: int = 4
    kernel_init: Initializer = LeCun()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recurrent_size is not None:
            checks.check_size("GriffinBlock", "recurrent_size", self.recurrent_size)
        checks.check_size("GriffinBlock", "width", self.width)
        check_heads("GriffinBlock", self.heads, "recurrent_size", self._wide)

    @property
    def _wide(self) -> int:
        return self.recurrent_size or self.hidden_size

    def sizes(self) -> dict[str, int]:
        """Of the convolution, and of the heads."""
        wide, heads = self._wide, self.heads
        more = {"W": wide, "C": self.width, "N": heads, "K": wide // heads}
        return super().sizes() | more

    def carry_axes(self) -> Any:
        """One input less than are convolved."""
        return self.carry_type("W", ("W",) * (self.width - 1))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what the RG-LRU has, the convolution and what is read."""
        if name == "retention":
            return draw_retention(key, shape, self.dtype)
        if name == "w_gates":
            return draw_blocks(self.kernel_init, key, shape, self.dtype)
        if name == "w_conv":
            std = (0.01 / self.width) ** 0.5
            return std * jax.random.normal(key, shape, self.dtype)
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def equations(
        self, params: GriffinParams, carry: GriffinCarry, x: Array
    ) -> tuple[GriffinCarry, Array]:
        """Those above."""
        both = add_bias(self.product(x, params.w_ih), params.b)
        g, u = jnp.split(both, 2, axis=-1)
        c, past = short_conv(params.w_conv, params.b_conv, carry.past, u)
        gates = params.w_gates, params.b_gates, params.retention
        a, b = gated_decay(*gates, c, self.compute_dtype)
        h = a * carry.h + b
        y = self.product(jax.nn.gelu(g, approximate=True) * h, params.w_ho)
        return GriffinCarry(h, past), add_bias(y, params.b_ho)


__all__ = ["GriffinBlock", "GriffinCarry", "GriffinParams"]
