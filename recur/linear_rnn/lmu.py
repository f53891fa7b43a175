"""The Legendre memory unit: a window of its input, beside a hidden value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur._ops.matmul import matmul
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.initializers import LeCun
from recur.linear_rnn.sliding_window import sliding_window
from recur.types import Array


@portable
class LMUParams(NamedTuple):
    """Weights of a Legendre memory unit, of ``M`` memories of ``D`` coefficients."""

    e_x: Array  # [I, M]
    e_h: Array  # [H, M]
    e_m: Array  # [M D, M]
    w_ih: Array  # [I, H]
    w_hh: Array  # [H, H]
    w_mh: Array  # [M D, H]


@portable
class LMUCarry(NamedTuple):
    """Hidden value, and the coefficients of each memory."""

    h: Array  # [..., H]
    m: Array  # [..., M, D]


@dataclass(frozen=True, kw_only=True)
class LMU(GatedCell[LMUParams, LMUCarry]):
    r"""A Legendre memory unit.

    .. math::
        u_t &= x_t e_x + h_{t-1} e_h + m_{t-1} e_m \\
        m_t &= m_{t-1} \bar A^\top + u_t \bar B^\top \\
        h_t &= \tanh(x_t W_{ih} + h_{t-1} W_{hh} + m_t W_{mh})

    Each memory keeps the last :math:`\theta` steps of one signal :math:`u`, as the
    coefficients of its Legendre polynomials, so that any linear function of that
    window can be learned as weights on :math:`m`. No gate forgets: what is older leaves
    the window. :math:`\bar A` and :math:`\bar B` are those of
    :func:`~recur.linear_rnn.sliding_window.sliding_window`, an input held for a step;
    they are constants of the cell, made once in float64, and not learned. The memory
    alone is linear; the unit is not, and ``h`` is put out.

    Args:
      hidden_size: ``H``.
      order: ``D``, how many coefficients a memory has.
      theta: ``θ``, how many steps it remembers. Of frequencies it keeps those below
        about ``order / (2 theta)`` a step.
      memories: ``M``, how many signals are remembered; in the paper 1.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws :math:`W_{ih}` and :math:`W_{mh}`, and ``bias_init`` is not used.
        :math:`e_x` and :math:`e_h` have the variance of ``LeCun``, and :math:`e_m`
        starts at zero, so that no memory feeds itself.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If a size is below 1, or ``theta`` is no number above 0.

    Example:
      >>> cell = LMU(5, order=4, theta=10.0)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> carry.m.shape, y.shape
      ((2, 1, 4), (2, 5))

    References:
      Voelker, Kajić and Eliasmith, `Legendre memory units: continuous-time
      representation in recurrent neural networks
      <https://proceedings.neurips.cc/paper/2019/hash/952285b9b7e7a1be5aa7849f32ffff05-Abstract.html>`_,
      2019.
    """

    params_type = LMUParams
    carry_type = LMUCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "e_x": "I M",
        "e_h": "H M",
        "e_m": "P M",
        "w_ih": "I H",
        "w_hh": "H H",
        "w_mh": "P H",
    }
    constants: ClassVar[Mapping[str, float]] = {"e_m": 0.0}

    order: int
    theta: float
    memories: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size("LMU", "order", self.order)
        checks.check_size("LMU", "memories", self.memories)
        checks.check_positive("LMU", "theta", self.theta)

    def sizes(self) -> dict[str, int]:
        """Of memories too, each by itself and ``P`` coefficients of all."""
        memory = {"M": self.memories, "D": self.order}
        return {"H": self.hidden_size, "P": self.memories * self.order, **memory}

    def carry_axes(self) -> Any:
        """A memory has a row of its own."""
        return self.carry_type("H", "M D")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what is no weight of hidden values over time."""
        if name in ("e_x", "e_h"):
            return LeCun()(key, shape, self.dtype)
        return self.kernel_init(key, shape, self.dtype) if name == "w_mh" else None

    def equations(
        self, params: LMUParams, carry: LMUCarry, x: Array
    ) -> tuple[LMUCarry, Array]:
        """Those above."""
        h, m = carry
        u = self.product(x, params.e_x) + self.product(h, params.e_h)
        u += self.product(_as_row(m), params.e_m)
        # Not in compute_dtype: what one step rounds, the window keeps.
        a, b = (np.asarray(w, m.dtype) for w in sliding_window(self.order, self.theta))
        m = matmul(m, a.T) + matmul(u[..., None], b[None])
        h = self.product(x, params.w_ih) + self.product(h, params.w_hh)
        h = jnp.tanh(h + self.product(_as_row(m), params.w_mh))
        return LMUCarry(h, m), h


def _as_row(m: Array) -> Array:
    """Makes one axis of all coefficients."""
    return m.reshape(*m.shape[:-2], m.shape[-2] * m.shape[-1])


__all__ = ["LMU", "LMUCarry", "LMUParams"]
