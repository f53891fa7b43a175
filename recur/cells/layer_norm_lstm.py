"""Long short-term memory with layer normalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.cells.gated import GatedCell
from recur.cells.lstm import LSTMCarry
from recur.initializers import Chrono, check_retention, retention_bias
from recur.types import Array


@portable
class LayerNormLSTMParams(NamedTuple):
    """Weights of a layer-normalised LSTM, gates fused on the last axis as ``i f g o``.

    The paper gives the norms of the two products a bias each as well. Both would only
    be added to ``b``, so ``b`` stands for all three.
    """

    w_ih: Array  # [I, 4H]
    w_hh: Array  # [H, 4H]
    b: Array  # [4H]
    gain_x: Array  # [4H]
    gain_h: Array  # [4H]
    gain_c: Array  # [H]
    bias_c: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class LayerNormLSTM(GatedCell[LayerNormLSTMParams, LSTMCarry]):
    r"""A layer-normalised LSTM.

    .. math::
        (i, f, g, o) &= \mathrm{LN}(x_t W_{ih}; \alpha_x)
            + \mathrm{LN}(h_{t-1} W_{hh}; \alpha_h) + b \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \\
        h_t &= \sigma(o) \odot \tanh(\mathrm{LN}(c_t; \alpha_c) + b_c)

    Each product is normalised as one vector over all gates, and the cell that is
    carried on is the one before its norm. Gains start at 1 and ``bias_c`` at 0.

    Args:
      hidden_size: ``H``.
      forget_bias: Added to the bias of the forget gate; see :func:`recur.lstm_init`.
      eps: Added to each variance, above 0.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> cell = LayerNormLSTM(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Ba, Kiros and Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_,
      2016, supplementary material.
    """

    params_type = LayerNormLSTMParams
    carry_type = LSTMCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 4H",
        "w_hh": "H 4H",
        "b": "4H",
        "gain_x": "4H",
        "gain_h": "4H",
        "gain_c": "H",
        "bias_c": "H",
    }
    constants: ClassVar[Mapping[str, float]] = {
        "gain_x": 1.0,
        "gain_h": 1.0,
        "gain_c": 1.0,
        "bias_c": 0.0,
    }

    forget_bias: float | Chrono = 1.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_positive("LayerNormLSTM", "eps", self.eps)
        check_retention("LayerNormLSTM", "forget_bias", self.forget_bias)

    def shift(self, key: Array) -> Array:
        """Opens the forget gate."""
        f, i = retention_bias(self.forget_bias, key, self.hidden_size, self.dtype)
        return jnp.concatenate([i, f, jnp.zeros(2 * self.hidden_size, self.dtype)])

    def equations(
        self, params: LayerNormLSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Those above."""
        a = layer_norm(self.product(x, params.w_ih), params.gain_x, self.eps)
        a += layer_norm(self.product(carry.h, params.w_hh), params.gain_h, self.eps)
        i, f, g, o = jnp.split(add_bias(a, params.b), 4, axis=-1)
        i = checkpoint_name(jax.nn.sigmoid(i), "input_gate")
        f = checkpoint_name(jax.nn.sigmoid(f), "forget_gate")
        g = checkpoint_name(jnp.tanh(g), "candidate")
        o = checkpoint_name(jax.nn.sigmoid(o), "output_gate")
        c = checkpoint_name(f * carry.c + i * g, "cell")
        normed_c = layer_norm(c, params.gain_c, self.eps)
        h = o * jnp.tanh(add_bias(normed_c, params.bias_c))
        return LSTMCarry(h, c), h


__all__ = ["LayerNormLSTM", "LayerNormLSTMParams"]
