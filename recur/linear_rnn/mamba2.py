"""Mamba-2's block: a selective state space that forgets all states of a head alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias, scale
from recur._ops.rms_norm import rms_norm
from recur._ops.wide import widened
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.discretize import check_steps
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.selective import draw_step_bias, draw_within
from recur.linear_rnn.short_conv import short_conv
from recur.types import Array


@portable
class Mamba2Params(NamedTuple):
    """Weights of the block, fused on the last axis as ``z, u, B, C, dt``."""

    w_ih: Array  # [I, 2E + 2GN + heads]
    w_conv: Array  # [width, E + 2GN], the last row for the input of this step
    b_conv: Array  # [E + 2GN]
    b_dt: Array  # [heads]
    log_decay: Array  # [heads], the logarithm of minus A
    d: Array  # [heads]
    gain: Array  # [E]
    w_ho: Array  # [E, H]


@portable
class Mamba2Carry(NamedTuple):
    """The states of each head, and what was convolved before, the latest first."""

    s: Array  # [..., heads, N, E / heads]
    past: tuple[Array, ...]  # width - 1 of [..., E + 2GN]


@dataclass(frozen=True, kw_only=True)
class Mamba2(MemoryCell[Mamba2Params, Mamba2Carry]):
    r"""The block of Mamba-2, a selective state space as outer products.

    .. math::
        (z, u, B, C, \delta) &= x_t W_{ih}, \qquad
            (c, B, C) \to \mathrm{silu}(\mathrm{conv}(u, B, C) + b_c) \\
        \Delta &= \mathrm{softplus}(\delta + b_\Delta), \qquad A = -e^\alpha \\
        S_t &= e^{\Delta A} S_{t-1} + \Delta B c^\top \\
        y_t &= \mathrm{RMS}((C S_t + d \, c) \odot \mathrm{silu}(z)) \, W_{ho}

    in each head, with one :math:`\Delta, A, d`; :math:`B, C` are those of its group,
    which is normalised by itself, after the gate.

    Args:
      hidden_size: ``H``, the size of the output, in a network that of the model.
      heads: Which divide ``H``; in the paper each has 64 or 128 of ``E``.
      state_size: ``N``.
      groups: ``G``, how many ``B, C`` there are; they divide the heads.
      expand: ``E / H``.
      width: Inputs that are convolved, this one included.
      dt_min: The shortest of the first steps, which are uniform by their logarithm.
      dt_max: The longest.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices, and the other two are not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, heads do not divide ``hidden_size`` or groups
        the heads, or the bounds of the steps are not above zero and in order.

    Example:
      >>> cell = Mamba2(4, heads=2, state_size=3)
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 4)))
      >>> carry.s.shape, y.shape
      ((5, 2, 3, 4), (5, 4))

    References:
      Dao and Gu, `Transformers are SSMs <https://arxiv.org/abs/2405.21060>`_, 2024.
    """

    params_type = Mamba2Params
    carry_type = Mamba2Carry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I F",
        "w_conv": "C U",
        "b_conv": "U",
        "b_dt": "N",
        "log_decay": "N",
        "d": "N",
        "gain": "E",
        "w_ho": "E H",
    }
    constants: ClassVar[Mapping[str, float]] = {"d": 1.0, "gain": 1.0}

    state_size: int = 64
    groups: int = 1
    expand: int = 2
    width: int = 4
    dt_min: float = 0.001
    dt_max: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("state_size", "groups", "expand", "width"):
            checks.check_size("Mamba2", name, getattr(self, name))
        check_steps("Mamba2", self.dt_min, self.dt_max)
        if self.heads % self.groups:
            raise ValueError(
                f"Mamba2: groups is {self.groups} and heads {self.heads}; expected a "
                "divisor of heads, which are shared out among the groups."
            )

    def key_size(self) -> int:
        """The states of all heads."""
        return self.heads * self.state_size

    def value_size(self) -> int:
        """The channels."""
        return self.expand * self.hidden_size

    def sizes(self) -> dict[str, int]:
        """Of channels, of what is convolved, and of all that is made of an input."""
        wide, width = self.value_size(), self.width
        seen = wide + 2 * self.groups * self.state_size
        more = {"E": wide, "U": seen, "F": wide + seen + self.heads, "C": width}
        return super().sizes() | more

    def carry_axes(self) -> Any:
        """One input less than are convolved."""
        return self.carry_type("N K V", ("U",) * (self.width - 1))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws steps and rates as in the paper."""
        if name == "log_decay":
            return jnp.log(jax.random.uniform(key, shape, self.dtype, 1, 16))
        if name == "b_dt":
            return draw_step_bias(key, shape, (self.dt_min, self.dt_max), self.dtype)
        if name in ("w_conv", "b_conv"):
            return draw_within(key, shape, self.width, self.dtype)
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def front(
        self, params: Mamba2Params, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes what is written, where, and how much is kept."""
        sizes, of_groups = self.sizes(), self.groups * self.state_size
        ends = sizes["E"], sizes["E"] + sizes["U"]
        z, u, dt = jnp.split(self.product(x, params.w_ih), ends, axis=-1)
        c, past = short_conv(params.w_conv, params.b_conv, carry[0], u)
        parts = jax.nn.silu(c), (sizes["E"], sizes["E"] + of_groups)
        c, key, query = jnp.split(*parts, axis=-1)
        (c,), (z,) = self.in_heads(c), self.in_heads(z)
        dt = jax.nn.softplus(add_bias(dt, params.b_dt))
        log_decay = -scale(dt, jnp.exp(widened(params.log_decay)))[..., None]
        key, query = self._of_heads(key), self._of_heads(query)
        by = jnp.swapaxes(scale(jnp.swapaxes(c, -1, -2), params.d), -1, -2)
        aside = jnp.concatenate([by, jax.nn.silu(z)], axis=-1)
        value = dt[..., None] * c
        return (past,), RankOne(log_decay, key, value, query, aside=aside)

    def _of_heads(self, a: Array) -> Array:
        """Gives each head what its group has."""
        a = a.reshape(*a.shape[:-1], self.groups, self.state_size)
        return jnp.repeat(a, self.heads // self.groups, axis=-2)

    def read(self, params: Mamba2Params, found: Any, x: Array) -> Array:
        """Opens the gate, normalises, and multiplies."""
        found, aside = found
        by, gate = jnp.split(aside, 2, axis=-1)
        y = (found + by) * gate
        normal = rms_norm(y.reshape(*y.shape[:-2], self.groups, -1))
        return self.product(scale(merge_heads(normal), params.gain), params.w_ho)


__all__ = ["Mamba2", "Mamba2Carry", "Mamba2Params"]
