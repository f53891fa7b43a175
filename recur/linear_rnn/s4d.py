"""The diagonal structured state space: a bank of states for each channel."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._ops.wide import wide, widened
from recur._portable import portable
from recur.linear_rnn.complex_pair import Complex, scaled, times
from recur.linear_rnn.diagonal import DiagonalCell
from recur.linear_rnn.discretize import check_steps, draw_log_steps, zero_order_hold
from recur.linear_rnn.hippo import normal_part
from recur.types import Array


@portable
class S4DParams(NamedTuple):
    """Weights of a diagonal structured state space."""

    log_decay: Array  # [H, N/2], the logarithm of minus the real part of A
    frequency: Array  # [H, N/2], the imaginary part of A
    log_dt: Array  # [H]
    c_re: Array  # [H, N/2]
    c_im: Array  # [H, N/2]
    d: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class S4D(DiagonalCell[S4DParams]):
    r"""A diagonal structured state space, one input and one output a channel.

    .. math::
        A &= -e^\alpha + i \omega, \qquad a = e^{\Delta A} \\
        q_t &= a \odot q_{t-1} + \frac{a - 1}{A} \odot x_t \\
        y_t &= 2 \, \mathrm{Re} \sum_n C_n \odot q_{t,n} + d \odot x_t

    Each channel ``h`` has a step :math:`\Delta_h` and ``N/2`` states, of which each
    stands for two that are conjugate; :math:`B` is one, as it would only multiply
    :math:`C`. Channels are mixed by what stands around the cell.

    Args:
      hidden_size: ``H``, the number of channels of the input and of the output.
      state_size: ``N``, even.
      spectrum: How the first :math:`A_n` lie: ``"lin"``, on a line at equal distances;
        ``"inv"``, denser towards the axis; ``"real"``, on it; ``"legs"``, as those of
        HiPPO-LegS.
      dt_min: The shortest of the first steps, which are uniform by their logarithm.
      dt_max: The longest.
      **options: Those of :class:`~recur.cells.base.Specification`. The params are drawn
        as in the paper: none of the three initialisers is used.

    Raises:
      ValueError: If ``state_size`` is odd, ``spectrum`` none of these, or the bounds
        of the steps are not above zero and in order.

    Example:
      >>> cell = S4D(3, state_size=8)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> carry.re.shape, y.shape
      ((2, 3, 4), (2, 3))

    References:
      Gu et al., `On the parameterization and initialization of diagonal state space
      models <https://arxiv.org/abs/2206.11893>`_, 2022.
    """

    params_type = S4DParams
    shapes: ClassVar[Mapping[str, str]] = {
        "log_decay": "H N",
        "frequency": "H N",
        "log_dt": "H",
        "c_re": "H N",
        "c_im": "H N",
        "d": "H",
    }

    state_size: int = 64
    spectrum: str = "lin"
    dt_min: float = 0.001
    dt_max: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size("S4D", "state_size", self.state_size)
        check_steps("S4D", self.dt_min, self.dt_max)
        if self.state_size % 2:
            raise ValueError(
                f"S4D: state_size is {self.state_size}; expected an even number, as "
                f"states come in conjugate pairs. Choose {self.state_size + 1}."
            )
        if self.spectrum not in SPECTRA:
            raise ValueError(
                f"S4D: spectrum is {self.spectrum!r}; expected one of "
                f"{', '.join(map(repr, SPECTRA))}."
            )

    def carry_axes(self) -> Complex:
        """Gives the channels and the pairs of states."""
        return Complex("H N", "H N")  # pyright: ignore[reportArgumentType]

    def sizes(self) -> dict[str, int]:
        """The channels, and the pairs of states."""
        return {"H": self.hidden_size, "N": self.state_size // 2}

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Lays out the eigenvalues, the same in all channels, and draws the rest."""
        if name == "log_dt":
            bounds = self.dt_min, self.dt_max
            return draw_log_steps(key, shape, bounds, self.dtype)
        if name in ("log_decay", "frequency"):
            rate = SPECTRA[self.spectrum](self.state_size)
            row = np.log(-np.real(rate)) if name == "log_decay" else np.imag(rate)
            return jnp.asarray(np.broadcast_to(row, shape), self.dtype)
        return self.normal(key, shape, 1 if name == "d" else math.sqrt(0.5))

    def elements(self, params: S4DParams, x: Array) -> tuple[Complex, Complex]:
        """What multiplies each state, and the input into each."""
        rate = Complex(-jnp.exp(widened(params.log_decay)), widened(params.frequency))
        a, gain = zero_order_hold(rate, jnp.exp(widened(params.log_dt))[:, None])
        return a, scaled(gain, x.astype(wide(params.d.dtype))[..., None])

    def read(self, params: S4DParams, carry: Complex, x: Array) -> Array:
        """Twice the real part of what is mixed, and the way around."""
        c = Complex(widened(params.c_re), widened(params.c_im))
        return 2 * jnp.sum(times(c, carry).re, -1) + self.around(params, x)


def _lin(size: int) -> np.ndarray:
    return -0.5 + 1j * np.pi * np.arange(size // 2)


def _inv(size: int) -> np.ndarray:
    return -0.5 + 1j * size / np.pi * (size / (2 * np.arange(size // 2) + 1) - 1)


def _real(size: int) -> np.ndarray:
    return -(np.arange(size // 2) + 1) + 0j


def _legs(size: int) -> np.ndarray:
    return normal_part(size)[0][size // 2 :]


SPECTRA = {"lin": _lin, "inv": _inv, "real": _real, "legs": _legs}

__all__ = ["S4D", "S4DParams"]
