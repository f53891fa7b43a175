"""The simplified state space: one bank of states for all channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._arguments import check_bools
from recur._ops.wide import wide, widened
from recur._portable import portable
from recur.initializers import LeCun
from recur.linear_rnn.complex_pair import Complex, times
from recur.linear_rnn.diagonal import DiagonalCell
from recur.linear_rnn.discretize import (
    bilinear,
    check_steps,
    draw_log_steps,
    zero_order_hold,
)
from recur.linear_rnn.eigenbasis import entering, leaving
from recur.linear_rnn.hippo import normal_part
from recur.types import Array


@portable
class S5Params(NamedTuple):
    """Weights of a simplified state space."""

    w_ih: Array  # [H, 2P], B as re and im side by side
    lambda_re: Array  # [P]
    lambda_im: Array  # [P]
    log_dt: Array  # [P]
    w_ho: Array  # [2P, H], C as re above im
    d: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class S5(DiagonalCell[S5Params]):
    r"""A simplified state space, with all channels in one recurrence.

    .. math::
        a &= e^{\Delta \Lambda}, \qquad g = (e^{\Delta \Lambda} - 1) / \Lambda \\
        q_t &= a \odot q_{t-1} + g \odot (x_t B) \\
        y_t &= 2 \, \mathrm{Re}(q_t C) + d \odot x_t

    with a step :math:`\Delta = e^\delta` for each state; ``"bilinear"`` takes
    :math:`a = (1 + \Delta \Lambda / 2) / (1 - \Delta \Lambda / 2)` and
    :math:`g = \Delta / (1 - \Delta \Lambda / 2)`. The first :math:`\Lambda` are the
    eigenvalues of HiPPO-LegS matrices, one a block; :math:`B` and :math:`C` are drawn
    for the matrices with entries of variance :math:`1/N`, as in public code, and then
    taken to their eigenvectors.

    Args:
      hidden_size: ``H``, the size of the input and of the output.
      state_size: ``N``, a multiple of ``blocks``.
      blocks: How many HiPPO-LegS matrices the first states are made of.
      discretization: ``"zoh"``, for an input that is held, or ``"bilinear"``.
      conj_sym: Whether each state stands for two that are conjugate, so that there are
        ``P = N/2``; without it ``P = N``, and there is no 2 in :math:`y`.
      clip_eigs: Whether real parts are kept at -0.0001 or less: nothing grows then.
      dt_min: The shortest of the first steps, which are uniform by their logarithm.
      dt_max: The longest.
      **options: Those of :class:`~recur.cells.base.Specification`. The params are drawn
        as in the paper: none of the three initialisers is used.

    Raises:
      TypeError: If ``conj_sym`` or ``clip_eigs`` is no bool.
      ValueError: If ``state_size`` does not fit ``blocks``, ``discretization`` is
        unknown, or the bounds of the steps are not above zero and in order.

    Example:
      >>> cell = S5(3, state_size=8, blocks=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> carry.re.shape, y.shape
      ((2, 4), (2, 3))

    References:
      Smith, Warrington and Linderman, `Simplified state space layers for sequence
      modeling <https://arxiv.org/abs/2208.04933>`_, 2022.
    """

    params_type = S5Params
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 2P",
        "lambda_re": "P",
        "lambda_im": "P",
        "log_dt": "P",
        "w_ho": "2P H",
        "d": "H",
    }

    state_size: int = 256
    blocks: int = 8
    discretization: str = "zoh"
    conj_sym: bool = True
    clip_eigs: bool = False
    dt_min: float = 0.001
    dt_max: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size("S5", "state_size", self.state_size)
        checks.check_size("S5", "blocks", self.blocks)
        check_bools("S5", conj_sym=self.conj_sym, clip_eigs=self.clip_eigs)
        check_steps("S5", self.dt_min, self.dt_max)
        unit = self.blocks * (2 if self.conj_sym else 1)
        if self.state_size % unit:
            pairs = " of conjugate pairs" if self.conj_sym else ""
            raise ValueError(
                f"S5: state_size is {self.state_size} and blocks {self.blocks}; "
                f"expected blocks of one size{pairs}. Choose a multiple of {unit}."
            )
        if self.discretization not in WAYS:
            raise ValueError(
                f"S5: discretization is {self.discretization!r}; expected one of "
                f"{', '.join(map(repr, WAYS))}."
            )

    def carry_axes(self) -> Complex:
        """Gives ``P`` for both parts."""
        return Complex("P", "P")  # pyright: ignore[reportArgumentType]

    def sizes(self) -> dict[str, int]:
        """The states and the outputs."""
        states = self.state_size // 2 if self.conj_sym else self.state_size
        return {"H": self.hidden_size, "P": states}

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Lays out the eigenvalues, and draws the rest."""
        if name == "d":
            return self.normal(key, shape, 1)
        if name == "log_dt":
            bounds = self.dt_min, self.dt_max
            return draw_log_steps(key, shape, bounds, self.dtype)
        if name in ("lambda_re", "lambda_im"):
            rate = np.tile(self._eigen()[0], self.blocks)
            part = np.real(rate) if name == "lambda_re" else np.imag(rate)
            return jnp.asarray(part, self.dtype)
        columns, basis = (1, entering) if name == "w_ih" else (2, leaving)
        size = self.state_size, columns * self.hidden_size
        drawn = LeCun()(key, size, wide(self.dtype))
        return basis(drawn, self._eigen()[1], self.blocks).astype(self.dtype)

    def elements(self, params: S5Params, x: Array) -> tuple[Complex, Complex]:
        """What multiplies each state, and the input into each."""
        rate = Complex(widened(params.lambda_re), widened(params.lambda_im))
        if self.clip_eigs:
            rate = Complex(jnp.minimum(rate.re, -1e-4), rate.im)
        dt = jnp.exp(widened(params.log_dt))
        a, gain = WAYS[self.discretization](rate, dt)
        return a, times(gain, self.enter(x, params.w_ih))

    def read(self, params: S5Params, carry: Complex, x: Array) -> Array:
        """The real part of what is mixed, and the way around."""
        y = self.leave(carry, params.w_ho)
        return (2 * y if self.conj_sym else y) + self.around(params, x)

    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        """Of one block; the first half is that of the negative imaginary parts."""
        size = self.state_size // self.blocks
        values, vectors = normal_part(size)
        kept = size // 2 if self.conj_sym else size
        return values[:kept], vectors[:, :kept]


WAYS = {"zoh": zero_order_hold, "bilinear": bilinear}

__all__ = ["S5", "S5Params"]
