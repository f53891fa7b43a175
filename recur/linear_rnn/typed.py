"""Strongly-typed recurrent cells, whose gates see this input and the one before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.cells.gated import Carry, Params
from recur.initializers import init_gates
from recur.linear_rnn.base import LinearCell
from recur.types import Array


@portable
class TRNNParams(NamedTuple):
    """Weights of a T-RNN, fused on the last axis as ``z, f``."""

    w_ih: Array  # [I, 2H]
    b: Array  # [2H]


@portable
class TGRUParams(NamedTuple):
    """Weights of a T-GRU, fused on the last axis as ``z, f, o``."""

    w_ih: Array  # [I, 3H]
    w_past: Array  # [I, 3H], of the input before
    b: Array  # [3H]


@portable
class TLSTMParams(NamedTuple):
    """Weights of a T-LSTM, fused on the last axis as ``z, f, o``."""

    w_ih: Array  # [I, 3H]
    w_past: Array  # [I, 3H], of the input before
    b: Array  # [3H]


@portable
class TGRUCarry(NamedTuple):
    """Hidden value and the input before."""

    h: Array  # [..., H]
    past: Array  # [..., I]


@portable
class TLSTMCarry(NamedTuple):
    """Cell value and the input before."""

    c: Array  # [..., H]
    past: Array  # [..., I]


@dataclass(frozen=True, kw_only=True)
class TRNN(LinearCell[TRNNParams, Array]):
    r"""A strongly-typed recurrent network.

    .. math::
        z &= x_t W_z + b_z, \qquad f = \sigma(x_t W_f + b_f) \\
        h_t &= f \odot h_{t-1} + (1 - f) \odot z

    An open ``f`` keeps the old value. Each unit is an average of what one linear
    feature was, hence the name: no value is ever multiplied by two matrices in turn.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Example:
      >>> cell = TRNN(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Balduzzi and Ghifary, `Strongly-typed recurrent neural networks
      <https://arxiv.org/abs/1602.02218>`_, 2016.
    """

    params_type = TRNNParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 2H", "b": "2H"}

    def elements(self, params: TRNNParams, x: Array) -> tuple[Array, Array]:
        """What is kept, and what is written."""
        z, f = jnp.split(add_bias(self.product(x, params.w_ih), params.b), 2, axis=-1)
        f = jax.nn.sigmoid(f)
        return f, (1 - f) * z


@dataclass(frozen=True, kw_only=True)
class _OfTwoInputs(LinearCell[Params, Carry]):
    """What T-GRU and T-LSTM share."""

    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 3H",
        "w_past": "I 3H",
        "b": "3H",
    }

    def carry_axes(self) -> Any:
        return self.carry_type("H", "I")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws the weights over time as other cells do theirs."""
        if name != "w_past":
            return None
        of_one = (shape[0], self.hidden_size)
        return init_gates(self.recurrent_init, key, of_one, 3, self.dtype)

    def features(self, params: Any, past: Array, x: Array) -> list[Array]:
        """Gives ``z, f, o``."""
        u = self.product(x, params.w_ih) + self.product(past, params.w_past)
        z, f, o = jnp.split(add_bias(u, params.b), 3, axis=-1)
        return [z, jax.nn.sigmoid(f), jnp.tanh(o)]


@dataclass(frozen=True, kw_only=True)
class TGRU(_OfTwoInputs[TGRUParams, TGRUCarry]):
    r"""A strongly-typed GRU.

    .. math::
        z &= x_t W_z + x_{t-1} V_z + b_z \\
        f &= \sigma(x_t W_f + x_{t-1} V_f + b_f), \qquad
            o = \tanh(x_t W_o + x_{t-1} V_o + b_o) \\
        h_t &= f \odot h_{t-1} + z \odot o

    An open ``f`` keeps the old value. The input before the first is zero.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        draws :math:`V`, ``[I, H]`` for each gate.

    Example:
      >>> cell = TGRU(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((2,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Balduzzi and Ghifary, `Strongly-typed recurrent neural networks
      <https://arxiv.org/abs/1602.02218>`_, 2016.
    """

    params_type = TGRUParams
    carry_type = TGRUCarry

    def equations(
        self, params: TGRUParams, carry: TGRUCarry, x: Array
    ) -> tuple[TGRUCarry, Array]:
        """Those above."""
        z, f, o = self.features(params, carry.past, x)
        h = f * carry.h + z * o
        return TGRUCarry(h, x), h


@dataclass(frozen=True, kw_only=True)
class TLSTM(_OfTwoInputs[TLSTMParams, TLSTMCarry]):
    r"""A strongly-typed LSTM.

    .. math::
        z &= x_t W_z + x_{t-1} V_z + b_z \\
        f &= \sigma(x_t W_f + x_{t-1} V_f + b_f), \qquad
            o = \tanh(x_t W_o + x_{t-1} V_o + b_o) \\
        c_t &= f \odot c_{t-1} + (1 - f) \odot z, \qquad h_t = c_t \odot o

    An open ``f`` keeps the old value. The input before the first is zero. The carry is
    ``c``, beside that input, and ``h`` is put out.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        draws :math:`V`, ``[I, H]`` for each gate.

    Example:
      >>> cell = TLSTM(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry = cell.init_carry((2,), params=params)
      >>> carry, y = cell.step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Balduzzi and Ghifary, `Strongly-typed recurrent neural networks
      <https://arxiv.org/abs/1602.02218>`_, 2016.
    """

    params_type = TLSTMParams
    carry_type = TLSTMCarry

    def equations(
        self, params: TLSTMParams, carry: TLSTMCarry, x: Array
    ) -> tuple[TLSTMCarry, Array]:
        """Those above."""
        z, f, o = self.features(params, carry.past, x)
        c = f * carry.c + (1 - f) * z
        return TLSTMCarry(c, x), c * o


__all__ = [
    "TGRU",
    "TLSTM",
    "TRNN",
    "TGRUCarry",
    "TGRUParams",
    "TLSTMCarry",
    "TLSTMParams",
    "TRNNParams",
]
