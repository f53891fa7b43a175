"""Long short-term memory with layer normalisation."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.cells.base import (
    Specification,
    check_fit,
    init_weights,
    zero_carry,
)
from recur.cells.lstm import LSTMCarry
from recur.initializers import (
    Chrono,
    Glorot,
    Orthogonal,
    Zeros,
    check_retention,
    retention_bias,
)
from recur.types import Array, DTypeLike, Initializer


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


def layer_norm_lstm_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float | Chrono = 1.0,
    kernel_init: Initializer = Glorot(),
    recurrent_init: Initializer = Orthogonal(),
    bias_init: Initializer = Zeros(),
    dtype: DTypeLike = jnp.float32,
) -> LayerNormLSTMParams:
    """Draws the weights of a layer-normalised LSTM; gains are 1 and ``bias_c`` is 0.

    Args:
      key: Random key.
      input_size: ``I``, the last axis of ``x``.
      hidden_size: ``H``, the last axis of ``h`` and ``c``.
      forget_bias: Added to the bias of the forget gate; see :func:`recur.lstm_init`.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate.
      recurrent_init: Draws the recurrent weights, ``[H, H]`` for each gate.
      bias_init: Draws ``b``, ``[H]`` for each gate.
      dtype: Dtype of the weights.

    Returns:
      ``LayerNormLSTMParams(w_ih [I, 4H], w_hh [H, 4H], b [4H], gain_x [4H],
      gain_h [4H], gain_c [H], bias_c [H])``.

    Raises:
      TypeError: If ``key`` is not a random key or a size not an integer.
      ValueError: If a size is below 1.

    Example:
      >>> params = layer_norm_lstm_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> params.w_ih.shape, params.gain_x.shape, params.gain_c.shape
      ((3, 20), (20,), (5,))
    """
    checks.check_key("layer_norm_lstm_init", key)
    k_weights, k_forget = jax.random.split(key)
    w_ih, w_hh, b = init_weights(
        "layer_norm_lstm_init",
        k_weights,
        input_size,
        hidden_size,
        gates=4,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    f, i = retention_bias(forget_bias, k_forget, hidden_size, dtype)
    b += jnp.concatenate([i, f, jnp.zeros(2 * hidden_size, dtype)])
    # A buffer each, not one twice: params are often donated.
    return LayerNormLSTMParams(
        w_ih,
        w_hh,
        b,
        gain_x=jnp.ones_like(b),
        gain_h=jnp.ones_like(b),
        gain_c=jnp.ones_like(f),
        bias_c=jnp.zeros_like(f),
    )


def layer_norm_lstm_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    dtype: DTypeLike = jnp.float32,
) -> LSTMCarry:
    """Makes the zero carry of a layer-normalised LSTM.

    Args:
      hidden_size: ``H``.
      batch_shape: Leading axes, such as ``(32,)``.
      dtype: Dtype of the carry, which every step keeps.

    Returns:
      ``LSTMCarry(h, c)``, zeros ``[*batch_shape, H]``.

    Raises:
      TypeError: If an argument is of another type.
      ValueError: If ``hidden_size`` is below 1 or an axis below 0.

    Example:
      >>> layer_norm_lstm_init_carry(5, (2,)).c.shape
      (2, 5)
    """
    sizes = ("layer_norm_lstm_init_carry", hidden_size, batch_shape, dtype)
    # Two buffers, not one twice: a carry is often donated.
    return LSTMCarry(h=zero_carry(*sizes), c=zero_carry(*sizes))


def layer_norm_lstm_step(
    params: LayerNormLSTMParams,
    carry: LSTMCarry,
    x: Array,
    *,
    eps: float = 1e-5,
    compute_dtype: DTypeLike | None = None,
) -> tuple[LSTMCarry, Array]:
    r"""Advances a layer-normalised LSTM by one time step.

    .. math::
        (i, f, g, o) &= \mathrm{LN}(x_t W_{ih}; \alpha_x)
            + \mathrm{LN}(h_{t-1} W_{hh}; \alpha_h) + b \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \\
        h_t &= \sigma(o) \odot \tanh(\mathrm{LN}(c_t; \alpha_c) + b_c)

    Each product is normalised as one vector over all gates, and the cell that is
    carried on is the one before its norm.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h`` and ``c`` of the step before, each ``[..., H]``.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      eps: Added to each variance, above 0.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Statistics, sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new carry in the dtypes of the old, and the output ``y``,
      which is the new ``h``, ``[..., H]``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together, or
        ``eps`` is not above 0.

    Example:
      >>> params = layer_norm_lstm_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry = layer_norm_lstm_init_carry(5, (2,))
      >>> carry, y = layer_norm_lstm_step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Ba, Kiros and Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_,
      2016, supplementary material.
    """
    _check(params, carry, x)
    from_x = matmul(x, params.w_ih, compute_dtype)
    from_h = matmul(carry.h, params.w_hh, compute_dtype)
    normed = layer_norm(from_x, params.gain_x, eps)
    normed += layer_norm(from_h, params.gain_h, eps)
    i, f, g, o = jnp.split(add_bias(normed, params.b), 4, axis=-1)
    i = checkpoint_name(jax.nn.sigmoid(i), "input_gate")
    f = checkpoint_name(jax.nn.sigmoid(f), "forget_gate")
    g = checkpoint_name(jnp.tanh(g), "candidate")
    o = checkpoint_name(jax.nn.sigmoid(o), "output_gate")
    c = checkpoint_name(f * carry.c.astype(f.dtype) + i * g, "cell")
    h = o * jnp.tanh(add_bias(layer_norm(c, params.gain_c, eps), params.bias_c))
    h = h.astype(carry.h.dtype)
    return LSTMCarry(h=h, c=c.astype(carry.c.dtype)), h


@dataclass(frozen=True, kw_only=True)
class LayerNormLSTM(Specification):
    """Specification of a layer-normalised LSTM.

    Args:
      hidden_size: ``H``.
      forget_bias: See :func:`layer_norm_lstm_init`.
      eps: See :func:`layer_norm_lstm_step`.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> cell = LayerNormLSTM(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    forget_bias: float | Chrono = 1.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_positive("LayerNormLSTM", "eps", self.eps)
        check_retention("LayerNormLSTM", "forget_bias", self.forget_bias)

    def init(self, key: Array, input_size: int) -> LayerNormLSTMParams:
        """Draws the params; see :func:`layer_norm_lstm_init`."""
        options = {"forget_bias": self.forget_bias, **self.init_options()}
        return layer_norm_lstm_init(key, input_size, **options)

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: LayerNormLSTMParams | None = None,
    ) -> LSTMCarry:
        """Makes the zero carry; see :func:`layer_norm_lstm_init_carry`."""
        return layer_norm_lstm_init_carry(
            self.hidden_size, batch_shape, dtype=self.dtype
        )

    def step(
        self, params: LayerNormLSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Advances by one step; see :func:`layer_norm_lstm_step`."""
        options = {"eps": self.eps, "compute_dtype": self.compute_dtype}
        return layer_norm_lstm_step(params, carry, x, **options)


def _check(params: LayerNormLSTMParams, carry: LSTMCarry, x: Array) -> None:
    where, maker = "layer_norm_lstm_step", "layer_norm_lstm_init"
    checks.check_type(where, "params", params, LayerNormLSTMParams, maker)
    checks.check_type(where, "carry", carry, LSTMCarry, f"{maker}_carry")
    values = {"carry.h": carry.h, "carry.c": carry.c}
    vectors = {"gain_x": 4, "gain_h": 4, "gain_c": 1, "bias_c": 1}
    check_fit(where, params, values, x, gates=4, vectors=vectors)


__all__ = [
    "LayerNormLSTM",
    "LayerNormLSTMParams",
    "layer_norm_lstm_init",
    "layer_norm_lstm_init_carry",
    "layer_norm_lstm_step",
]
