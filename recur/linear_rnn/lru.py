"""The linear recurrent unit: a complex diagonal recurrence started on a ring."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_number
from recur._ops.wide import wide, widened
from recur._portable import portable
from recur.linear_rnn.complex_pair import Complex, exp, scaled
from recur.linear_rnn.diagonal import DiagonalCell
from recur.types import Array


@portable
class LRUParams(NamedTuple):
    """Weights of a linear recurrent unit."""

    w_ih: Array  # [H, 2N], B as re and im side by side
    nu: Array  # [N], the logarithm of how fast a state fades
    theta: Array  # [N], the logarithm of the angle it turns by
    gamma: Array  # [N], the logarithm of what its input is multiplied by
    w_ho: Array  # [2N, H], C as re above im
    d: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class LRU(DiagonalCell[LRUParams]):
    r"""A linear recurrent unit.

    .. math::
        \lambda &= \exp(-e^\nu + i e^\theta) \\
        q_t &= \lambda \odot q_{t-1} + e^\gamma \odot (x_t B) \\
        y_t &= \mathrm{Re}(q_t C) + d \odot x_t

    The first :math:`\lambda` are uniform on a ring of the complex plane, and
    :math:`e^\gamma = \sqrt{1 - |\lambda|^2}` gives all states the size of their inputs;
    after that :math:`\gamma` is learned by itself. Long memories start well with
    ``r_min=0.9, r_max=0.999`` and a small ``max_phase``. Norm, nonlinearity and skip of
    the paper's block stand around the cell, not in it.

    Args:
      hidden_size: ``H``, the size of the input and of the output.
      state_size: ``N``, how many complex states; by default ``H``.
      r_min: The inner radius of the ring.
      r_max: The outer radius, at most 1.
      max_phase: The largest angle of the ring, in radians.
      **options: Those of :class:`~recur.cells.base.Specification`. The params are drawn
        as in the paper: none of the three initialisers is used.

    Raises:
      ValueError: If the ring is empty or not inside the unit circle.

    Example:
      >>> cell = LRU(3, state_size=8)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> carry.re.shape, y.shape
      ((2, 8), (2, 3))

    References:
      Orvieto et al., `Resurrecting recurrent neural networks for long sequences
      <https://arxiv.org/abs/2303.06349>`_, 2023.
    """

    params_type = LRUParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 2N",
        "nu": "N",
        "theta": "N",
        "gamma": "N",
        "w_ho": "2N H",
        "d": "H",
    }

    state_size: int | None = None
    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 6.28

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state_size is not None:
            checks.check_size("LRU", "state_size", self.state_size)
        for name in ("r_min", "r_max"):
            check_number("LRU", name, getattr(self, name))
        checks.check_positive("LRU", "max_phase", self.max_phase)
        if not 0 <= self.r_min < self.r_max <= 1:
            raise ValueError(
                f"LRU: r_min is {self.r_min} and r_max {self.r_max}; expected "
                "0 <= r_min < r_max <= 1, a ring inside the unit circle. Choose such "
                "radii, 0.9 and 0.999 for long memories."
            )

    def carry_axes(self) -> Complex:
        """Gives ``N`` for both parts."""
        return Complex("N", "N")  # pyright: ignore[reportArgumentType]

    def sizes(self) -> dict[str, int]:
        """The states and the outputs."""
        return {"H": self.hidden_size, "N": self.state_size or self.hidden_size}

    def init(self, key: Array, input_size: int) -> LRUParams:
        """Draws the params for inputs ``[..., H]``."""
        params = super().init(key, input_size)
        # 1 - |λ|² would cancel where λ is near the unit circle.
        rest = -jnp.expm1(-2 * jnp.exp(widened(params.nu)))
        return params._replace(gamma=(jnp.log(rest) / 2).astype(self.dtype))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws the ring, and weights that keep the size of what they mix."""
        if name in ("nu", "theta"):
            drawn = (
                self._fading(key, shape) if name == "nu" else self._angle(key, shape)
            )
            return drawn.astype(self.dtype)
        sizes = {"w_ih": 2 * self.hidden_size, "w_ho": self.sizes()["N"], "d": 1}
        return self.normal(key, shape, 1 / math.sqrt(sizes.get(name, 1)))

    def elements(self, params: LRUParams, x: Array) -> tuple[Complex, Complex]:
        """The eigenvalues, and what comes in."""
        nu, theta, gamma = map(widened, (params.nu, params.theta, params.gamma))
        a = exp(Complex(-jnp.exp(nu), jnp.exp(theta)))
        return a, scaled(self.enter(x, params.w_ih), jnp.exp(gamma))

    def read(self, params: LRUParams, carry: Complex, x: Array) -> Array:
        """The real part of what is mixed, and the way around."""
        return self.leave(carry, params.w_ho) + self.around(params, x)

    def _fading(self, key: Array, shape: tuple[int, ...]) -> Array:
        dtype = wide(self.dtype)
        tiny = float(jnp.finfo(dtype).eps)  # Both ends have an infinite logarithm.
        area = jax.random.uniform(key, shape, dtype, self.r_min**2, self.r_max**2)
        return jnp.log(-jnp.log(jnp.clip(area, tiny, 1 - tiny)) / 2)

    def _angle(self, key: Array, shape: tuple[int, ...]) -> Array:
        dtype = wide(self.dtype)
        tiny = float(jnp.finfo(dtype).eps)
        return jnp.log(self.max_phase * jax.random.uniform(key, shape, dtype, tiny))


__all__ = ["LRU", "LRUParams"]
