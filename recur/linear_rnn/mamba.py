"""Mamba's block: a state space whose steps, inputs and outputs its input selects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._ops.matmul import add_bias, scale
from recur._ops.wide import widened
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.linear_rnn.discretize import check_steps
from recur.linear_rnn.selective import draw_step_bias, draw_within
from recur.linear_rnn.short_conv import short_conv
from recur.types import Array


@portable
class MambaParams(NamedTuple):
    """Weights of the block, fused on the last axis as ``u, z`` and ``r, B, C``."""

    w_ih: Array  # [I, 2E]
    w_conv: Array  # [width, E], the last row for the input of this step
    b_conv: Array  # [E]
    w_select: Array  # [E, R + 2N]
    w_dt: Array  # [R, E]
    b_dt: Array  # [E]
    log_decay: Array  # [E, N], the logarithm of minus A
    d: Array  # [E]
    w_ho: Array  # [E, H]


@portable
class MambaCarry(NamedTuple):
    """The states of each channel, and what was convolved before, the latest first."""

    s: Array  # [..., E, N]
    past: tuple[Array, ...]  # width - 1 of [..., E]


@dataclass(frozen=True, kw_only=True)
class Mamba(GatedCell[MambaParams, MambaCarry]):
    r"""The block of Mamba, a selective state space behind a convolution.

    .. math::
        (u, z) &= x_t W_{ih}, \qquad c = \mathrm{silu}(\mathrm{conv}(u) + b_c) \\
        (r, B, C) &= c \, W_s, \qquad
            \Delta = \mathrm{softplus}(r W_\Delta + b_\Delta) \\
        S_t &= e^{\Delta A} \odot S_{t-1} + (\Delta \odot c) B^\top,
            \qquad A = -e^\alpha \\
        y_t &= ((S_t C + d \odot c) \odot \mathrm{silu}(z)) \, W_{ho}

    Each of ``E`` channels has ``N`` states. A long step forgets and writes, a short one
    keeps. What is written is :math:`\Delta B`, as in the published code, where the
    paper has a zero-order hold.

    Args:
      hidden_size: ``H``, the size of the output, in a network that of the model.
      state_size: ``N``.
      expand: ``E / H``.
      width: Inputs that are convolved, this one included.
      rank: ``R``, through which steps are selected; by default ``H / 16``, rounded up.
      dt_min: The shortest of the first steps, which are uniform by their logarithm.
      dt_max: The longest.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices but for :math:`W_\Delta`, and the other two are not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, or the bounds of the steps are not above zero
        and in order.

    Example:
      >>> cell = Mamba(4, state_size=3)
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 4)))
      >>> carry.s.shape, y.shape
      ((2, 8, 3), (2, 4))

    References:
      Gu and Dao, `Mamba: linear-time sequence modeling with selective state spaces
      <https://arxiv.org/abs/2312.00752>`_, 2023.
    """

    params_type = MambaParams
    carry_type = MambaCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 2E",
        "w_conv": "C E",
        "b_conv": "E",
        "w_select": "E S",
        "w_dt": "R E",
        "b_dt": "E",
        "log_decay": "E N",
        "d": "E",
        "w_ho": "E H",
    }
    constants: ClassVar[Mapping[str, float]] = {"d": 1.0}

    state_size: int = 16
    expand: int = 2
    width: int = 4
    rank: int | None = None
    dt_min: float = 0.001
    dt_max: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("state_size", "expand", "width"):
            checks.check_size("Mamba", name, getattr(self, name))
        if self.rank is not None:
            checks.check_size("Mamba", "rank", self.rank)
        check_steps("Mamba", self.dt_min, self.dt_max)

    def sizes(self) -> dict[str, int]:
        """Of channels and states, of the convolution, and of what selects."""
        wide, rank = self.expand * self.hidden_size, self._rank
        more = {"E": wide, "N": self.state_size, "C": self.width, "R": rank}
        return super().sizes() | more | {"S": rank + 2 * self.state_size}

    @property
    def _rank(self) -> int:
        return self.rank or -(-self.hidden_size // 16)

    def carry_axes(self) -> Any:
        """One input less than are convolved."""
        return self.carry_type("E N", ("E",) * (self.width - 1))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws steps and rates as in the paper."""
        if name == "log_decay":
            rates = np.log(np.arange(1, self.state_size + 1))
            return jnp.asarray(np.broadcast_to(rates, shape), self.dtype)
        if name == "b_dt":
            return draw_step_bias(key, shape, (self.dt_min, self.dt_max), self.dtype)
        if name in ("w_conv", "b_conv", "w_dt"):
            inputs = self._rank if name == "w_dt" else self.width
            return draw_within(key, shape, inputs, self.dtype)
        drawn = name in ("w_select", "w_ho")
        return self.kernel_init(key, shape, self.dtype) if drawn else None

    def equations(
        self, params: MambaParams, carry: MambaCarry, x: Array
    ) -> tuple[MambaCarry, Array]:
        """Those above."""
        u, z = jnp.split(self.product(x, params.w_ih), 2, axis=-1)
        c, past = short_conv(params.w_conv, params.b_conv, carry.past, u)
        c = jax.nn.silu(c)
        low, b, read = jnp.split(
            self.product(c, params.w_select),
            (self._rank, self._rank + self.state_size),
            axis=-1,
        )
        dt = jax.nn.softplus(add_bias(self.product(low, params.w_dt), params.b_dt))
        rate = -jnp.exp(widened(params.log_decay))
        kept = jnp.exp(_per_state(dt, rate))
        s = kept * carry.s + (dt * c)[..., None] * b[..., None, :]
        y = jnp.sum(s * read[..., None, :], axis=-1) + scale(c, params.d)
        out = self.product(y * jax.nn.silu(z), params.w_ho)
        return MambaCarry(s, past), out


def _per_state(dt: Array, rate: Array) -> Array:
    """Multiplies ``[..., E]`` and ``[E, N]``."""
    return dt[..., None] * jax.lax.expand_dims(rate, range(dt.ndim - 1))


__all__ = ["Mamba", "MambaCarry", "MambaParams"]
