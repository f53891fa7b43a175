"""The simple recurrent unit, in its first form."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_bools, check_number
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.initializers import LeCun, init_gates
from recur.linear_rnn.base import LinearCell
from recur.types import Array, Initializer


@portable
class SRUParams(NamedTuple):
    """Weights of an SRU, fused on the last axis as ``u, f, r``, then ``s``."""

    w_ih: Array  # [I, 3H], or [I, 4H] with a projection
    b: Array  # [2H], of f and r


@dataclass(frozen=True, kw_only=True)
class SRU(LinearCell[SRUParams, Array]):
    r"""A simple recurrent unit with a highway around it.

    .. math::
        u &= x_t W_u \\
        f &= \sigma(x_t W_f + b_f), \qquad r = \sigma(x_t W_r + b_r) \\
        c_t &= f \odot c_{t-1} + (1 - f) \odot u \\
        h_t &= r \odot c_t + (1 - r) \odot s, \qquad
            s = \sqrt{1 + 2 e^\beta} \, x_t \ \text{ or } \ x_t W_s

    An open ``f`` keeps the old value, and an open ``r`` reads it; a shut ``r`` lets the
    input by. :math:`\beta` is what the bias of ``r`` starts from: so scaled, the input
    has at first the variance that what it is mixed with has. With ``projection`` the
    scale is in the first :math:`W_s` instead. The carry is ``c``, and ``h`` is put out.

    This is the form without weights from :math:`c_{t-1}` to the gates, which public
    code calls version 1. Version 2 has them: it is not linear in its carry, and no
    option of this cell.

    Args:
      hidden_size: ``H``, which is also the input size unless there is a projection.
      projection: Whether what goes around has weights of its own, for any input size.
      highway_bias: ``β``, added to the bias of ``r`` in ``init``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init`` is
        by default of variance ``1 / I``, and ``recurrent_init`` is not used.

    Raises:
      TypeError: If ``projection`` is not a bool or ``highway_bias`` no number.
      ValueError: By ``init``, if the input size is not ``H`` and nothing projects it.

    Example:
      >>> cell = SRU(5, projection=True)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Lei, Zhang, Wang, Dai and Artzi, `Simple recurrent units for highly parallelizable
      recurrence <https://arxiv.org/abs/1709.02755>`_, 2018.
    """

    params_type = SRUParams

    projection: bool = False
    highway_bias: float = 0.0
    kernel_init: Initializer = LeCun()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bools("SRU", projection=self.projection)
        check_number("SRU", "highway_bias", self.highway_bias)

    @property
    def shapes(self) -> Mapping[str, str]:  # pyright: ignore
        """One product more where the input is projected."""
        return {"w_ih": "I 4H" if self.projection else "I 3H", "b": "2H"}

    def init(self, key: Array, input_size: int) -> SRUParams:
        """Draws the params for inputs ``[..., I]``."""
        checks.check_size("SRU.init", "input_size", input_size)
        if not self.projection and input_size != self.hidden_size:
            raise ValueError(
                f"SRU.init: input_size is {input_size}; expected {self.hidden_size}, "
                "the hidden_size, as the input goes around the cell. Write "
                f"SRU({self.hidden_size}, projection=True) for another."
            )
        return super().init(key, input_size)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Scales what goes around by weights of its own."""
        if name == "b" or not self.projection:
            return None
        rows, size = shape[0], self.hidden_size
        w = init_gates(self.kernel_init, key, (rows, size), 4, self.dtype)
        return w.at[:, 3 * size :].multiply(self._scale)

    def shift(self, key: Array) -> Array:
        """Opens or shuts the highway."""
        f, r = (jnp.full(self.hidden_size, b) for b in (0.0, self.highway_bias))
        return jnp.concatenate([f, r]).astype(self.dtype)

    @property
    def _scale(self) -> float:
        return math.sqrt(1 + 2 * math.exp(self.highway_bias))

    def equations(
        self, params: SRUParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        size = self.hidden_size
        u, gates, s = jnp.split(self.product(x, params.w_ih), (size, 3 * size), axis=-1)
        gates = jax.nn.sigmoid(add_bias(gates, params.b))
        f, r = jnp.split(gates, 2, axis=-1)
        s = s if self.projection else self._scale * x.astype(u.dtype)
        c = f * carry + (1 - f) * u
        return c, r * c + (1 - r) * s

    def _input_size(self, where: str, params: SRUParams | None) -> int | None:
        of_params = super()._input_size(where, params)
        return of_params if self.projection else self.hidden_size


__all__ = ["SRU", "SRUParams"]
