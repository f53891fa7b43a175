"""Long short-term memory, in the form with a forget gate."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import checks
from recur.cells.specification import (
    Specification,
    check_fit,
    init_weights,
    zero_carry,
)
from recur.initializers import Chrono, Glorot, Orthogonal, Zeros, retention_bias
from recur.linear import add_bias, matmul
from recur.types import Array, DTypeLike, Initializer


class LSTMParams(NamedTuple):
    """Weights of an LSTM, gates fused on the last axis as ``i, f, g, o``."""

    w_ih: Array  # [I, 4H]
    w_hh: Array  # [H, 4H]
    b: Array  # [4H]


class LSTMCarry(NamedTuple):
    """Recurrent value of an LSTM: output ``h`` and memory ``c``, each ``[..., H]``."""

    h: Array
    c: Array


def lstm_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    forget_bias: float | Chrono = 1.0,
    kernel_init: Initializer = Glorot(),
    recurrent_init: Initializer = Orthogonal(),
    bias_init: Initializer = Zeros(),
    dtype: DTypeLike = jnp.float32,
) -> LSTMParams:
    """Draws the weights of an LSTM.

    Args:
      key: Random key.
      input_size: ``I``, the last axis of ``x``.
      hidden_size: ``H``, the last axis of ``h`` and ``c``.
      forget_bias: Added to the bias of the forget gate, here and never in the step.
        ``initializers.Chrono(max_lag)`` draws it, and sets the input gate's opposite.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate.
      recurrent_init: Draws the recurrent weights, ``[H, H]`` for each gate.
      bias_init: Draws the biases, ``[H]`` for each gate.
      dtype: Dtype of the weights.

    Returns:
      ``LSTMParams(w_ih [I, 4H], w_hh [H, 4H], b [4H])``.

    Raises:
      TypeError: If ``key`` is not a random key or a size not an integer.
      ValueError: If a size is below 1.

    Example:
      >>> params = lstm_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> params.w_ih.shape, params.w_hh.shape, params.b.shape
      ((3, 20), (5, 20), (20,))

    References:
      On the forget bias: Jozefowicz, Zaremba and Sutskever, `An empirical exploration
      of recurrent network architectures
      <https://proceedings.mlr.press/v37/jozefowicz15.html>`_, 2015.
    """
    checks.check_key("lstm_init", key)
    k_weights, k_forget = jax.random.split(key)
    w_ih, w_hh, b = init_weights(
        "lstm_init",
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
    zeros = jnp.zeros(2 * hidden_size, dtype)
    return LSTMParams(w_ih, w_hh, b + jnp.concatenate([i, f, zeros]))


def lstm_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    dtype: DTypeLike = jnp.float32,
) -> LSTMCarry:
    """Makes the zero carry of an LSTM.

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
      >>> lstm_init_carry(5, (2,)).c.shape
      (2, 5)
    """
    sizes = ("lstm_init_carry", hidden_size, batch_shape, dtype)
    # Two buffers, not one twice: a carry is often donated.
    return LSTMCarry(h=zero_carry(*sizes), c=zero_carry(*sizes))


def lstm_step(
    params: LSTMParams,
    carry: LSTMCarry,
    x: Array,
    *,
    compute_dtype: DTypeLike | None = None,
) -> tuple[LSTMCarry, Array]:
    r"""Advances a long short-term memory by one time step.

    .. math::
        (i, f, g, o) &= x_t W_{ih} + h_{t-1} W_{hh} + b \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g) \\
        h_t &= \sigma(o) \odot \tanh(c_t)

    Pure, and independent along every leading axis: batch with leading axes or with
    ``jax.vmap``, and roll over time with :func:`recur.unroll`.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h`` and ``c`` of the step before, each ``[..., H]``.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new carry in the dtypes of the old, and the output ``y``,
      which is the new ``h``, ``[..., H]``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together.

    Example:
      >>> params = lstm_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry, y = lstm_step(params, lstm_init_carry(5, (2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Hochreiter and Schmidhuber, `Long short-term memory
      <https://doi.org/10.1162/neco.1997.9.8.1735>`_, 1997; Gers, Schmidhuber and
      Cummins, `Learning to forget <https://doi.org/10.1162/089976600300015015>`_, 2000.
    """
    _check(params, carry, x)
    from_x = matmul(x, params.w_ih, compute_dtype)
    from_h = matmul(carry.h, params.w_hh, compute_dtype)
    gates = add_bias(from_x + from_h, params.b)
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c_tm1 = carry.c.astype(gates.dtype)
    c = jax.nn.sigmoid(f) * c_tm1 + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = (jax.nn.sigmoid(o) * jnp.tanh(c)).astype(carry.h.dtype)
    return LSTMCarry(h=h, c=c.astype(carry.c.dtype)), h


@dataclass(frozen=True, kw_only=True)
class LSTM(Specification):
    """Specification of an LSTM: the functions above with their options bound.

    Args:
      hidden_size: ``H``.
      forget_bias: See :func:`lstm_init`.
      **options: Those of :class:`~recur.cells.specification.Specification`.

    Example:
      >>> cell = LSTM(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    forget_bias: float | Chrono = 1.0

    def init(self, key: Array, input_size: int) -> LSTMParams:
        """Draws the params; see :func:`lstm_init`."""
        options = self.init_options()
        return lstm_init(key, input_size, forget_bias=self.forget_bias, **options)

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: LSTMParams | None = None
    ) -> LSTMCarry:
        """Makes the zero carry; see :func:`lstm_init_carry`."""
        return lstm_init_carry(self.hidden_size, batch_shape, dtype=self.dtype)

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Advances by one step; see :func:`lstm_step`."""
        return lstm_step(params, carry, x, compute_dtype=self.compute_dtype)


def _check(params: LSTMParams, carry: LSTMCarry, x: Array) -> None:
    checks.check_type("lstm_step", "params", params, LSTMParams, "lstm_init")
    checks.check_type("lstm_step", "carry", carry, LSTMCarry, "lstm_init_carry")
    values = {"carry.h": carry.h, "carry.c": carry.c}
    check_fit("lstm_step", params, values, x, gates=4)


__all__ = [
    "LSTM",
    "LSTMCarry",
    "LSTMParams",
    "lstm_init",
    "lstm_init_carry",
    "lstm_step",
]
