"""The quasi-recurrent network: gates of a window of inputs, and pooling over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.types import Array

POOLINGS = ("f", "fo", "ifo")


@portable
class QRNNParams(NamedTuple):
    """Weights of a QRNN, fused on the last axis as ``z, f``, then ``o``, then ``i``.

    The first ``I`` rows are for the input of this step, the next for the one before.
    """

    w_ih: Array  # [width * I, gates * H]
    b: Array  # [gates * H]


@portable
class QRNNCarry(NamedTuple):
    """What is pooled, and the inputs before, the latest first."""

    c: Array  # [..., H]
    past: tuple[Array, ...]  # width - 1 of [..., I]


@dataclass(frozen=True, kw_only=True)
class QRNN(LinearCell[QRNNParams, QRNNCarry]):
    r"""A causal convolution over time whose gates pool what it makes.

    .. math::
        (\tilde z, \tilde f, \tilde o, \tilde \imath) &=
            [x_t, x_{t-1}, \dots, x_{t-k+1}] W_{ih} + b \\
        z &= \tanh(\tilde z), \qquad
            (f, o, i) = \sigma(\tilde f, \tilde o, \tilde \imath) \\
        \text{f:} \quad c_t &= f \odot c_{t-1} + (1 - f) \odot z, \qquad h_t = c_t \\
        \text{fo:} \quad c_t &= f \odot c_{t-1} + (1 - f) \odot z, \qquad
            h_t = o \odot c_t \\
        \text{ifo:} \quad c_t &= f \odot c_{t-1} + i \odot z, \qquad h_t = o \odot c_t

    An open ``f`` **keeps** the old value, as in the paper; the public code of its
    authors has it write the new one. The inputs before the first are zeros, and those
    of the steps before a reset are forgotten by it.

    Args:
      hidden_size: ``H``.
      width: ``k``, how many inputs the gates see.
      pooling: ``"f"``, ``"fo"`` or ``"ifo"``, after the gates that there are.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Raises:
      TypeError: If ``width`` is not an integer.
      ValueError: If ``width`` is below 1, or ``pooling`` none of the three.

    Example:
      >>> cell = QRNN(5, width=3, pooling="fo")
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((2,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Bradbury, Merity, Xiong and Socher, `Quasi-recurrent neural networks
      <https://arxiv.org/abs/1611.01576>`_, 2016.
    """

    params_type = QRNNParams
    carry_type = QRNNCarry

    width: int = 2
    pooling: str = "fo"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size("QRNN", "width", self.width)
        if self.pooling not in POOLINGS:
            raise ValueError(
                f"QRNN: pooling is {self.pooling!r}; expected one of "
                f"{', '.join(POOLINGS)}."
            )

    @property
    def shapes(self) -> Mapping[str, str]:  # pyright: ignore
        """One gate more than ``pooling`` has letters."""
        gates = 1 + len(self.pooling)
        return {"w_ih": f"{self.width}I {gates}H", "b": f"{gates}H"}

    def carry_axes(self) -> Any:
        """One input less than the gates see."""
        return self.carry_type("H", ("I",) * (self.width - 1))

    def equations(
        self, params: QRNNParams, carry: QRNNCarry, x: Array
    ) -> tuple[QRNNCarry, Array]:
        """Those above."""
        window = x.astype(carry.c.dtype), *carry.past
        seen = jnp.concatenate(window, axis=-1)
        u = add_bias(self.product(seen, params.w_ih), params.b)
        z, f, *rest = jnp.split(u, 1 + len(self.pooling), axis=-1)
        f, *rest = map(jax.nn.sigmoid, (f, *rest))
        c = f * carry.c + (rest[1] if self.pooling == "ifo" else 1 - f) * jnp.tanh(z)
        return QRNNCarry(c, window[:-1]), rest[0] * c if rest else c


__all__ = ["QRNN", "QRNNCarry", "QRNNParams"]
