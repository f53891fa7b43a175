"""An LSTM as three functions."""

import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.chunked.resolve import register_rule
from recur.cells.lstm import LSTM, LSTMCarry, LSTMParams
from recur.cells.rules.lstm import lstm_rule
from recur.initializers import Chrono, Glorot, Orthogonal, Zeros
from recur.types import Array, DTypeLike, Initializer


def lstm_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    peephole: bool = False,
    coupled: bool = False,
    projection_size: int | None = None,
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
      hidden_size: ``H``, the last axis of ``c``, and of ``h`` without a projection.
      peephole: Whether the gates look at the cell; see :class:`recur.LSTM`.
      coupled: Whether the forget gate is one minus the input gate.
      projection_size: ``P``, the last axis of a projected ``h``.
      forget_bias: Added to the bias of the forget gate, here and never in the step.
        ``initializers.Chrono(max_lag)`` draws it, and sets the input gate's opposite.
        With coupled gates its negative is added to the bias of the input gate.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate, and the
        projection, ``[H, P]``.
      recurrent_init: Draws the recurrent weights, ``[P, H]`` for each gate.
      bias_init: Draws the biases and the peepholes, ``[H]`` for each gate.
      dtype: Dtype of the weights.

    Returns:
      ``LSTMParams(w_ih [I, 4H], w_hh [P, 4H], b [4H], w_ch [3H], w_hr [H, P])``, the
      last two ``None`` where not asked for; with coupled gates ``3H`` and ``2H``.

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
    _check_sizes("lstm_init", hidden_size, projection_size)
    cell = LSTM(
        hidden_size,
        peephole=peephole,
        coupled=coupled,
        projection_size=projection_size,
        forget_bias=forget_bias,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return cell.init(key, input_size)


def lstm_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    projection_size: int | None = None,
    dtype: DTypeLike = jnp.float32,
) -> LSTMCarry:
    """Makes the zero carry of an LSTM.

    Args:
      hidden_size: ``H``.
      batch_shape: Leading axes, such as ``(32,)``.
      projection_size: ``P``, the last axis of a projected ``h``.
      dtype: Dtype of the carry, which every step keeps.

    Returns:
      ``LSTMCarry(h [*batch_shape, P], c [*batch_shape, H])``, zeros; without a
      projection ``P`` is ``H``.

    Raises:
      TypeError: If an argument is of another type.
      ValueError: If a size is below 1 or an axis below 0.

    Example:
      >>> lstm_init_carry(5, (2,)).c.shape
      (2, 5)
    """
    _check_sizes("lstm_init_carry", hidden_size, projection_size)
    cell = LSTM(hidden_size, projection_size=projection_size, dtype=dtype)
    return cell.init_carry(batch_shape)


def lstm_step(
    params: LSTMParams,
    carry: LSTMCarry,
    x: Array,
    *,
    coupled: bool = False,
    compute_dtype: DTypeLike | None = None,
) -> tuple[LSTMCarry, Array]:
    """Advances a long short-term memory by one time step, as :class:`recur.LSTM` says.

    Pure, and independent along every leading axis: batch with leading axes or with
    ``jax.vmap``, and roll over time with :func:`recur.unroll`.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h [..., P]`` and ``c [..., H]`` of the step before.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      coupled: Whether the params are for a forget gate that is one minus the input
        gate, and so without weights of its own.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new carry in the dtypes of the old, and the output ``y``,
      which is the new ``h``, ``[..., P]``; without a projection ``P`` is ``H``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together, or the
        params are for the other kind of forget gate.

    Example:
      >>> params = lstm_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry, y = lstm_step(params, lstm_init_carry(5, (2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """
    checks.check_type("lstm_step", "params", params, LSTMParams, "lstm_init")
    hidden_size = (params.w_hh if params.w_hr is None else params.w_hr).shape[0]
    cell = LSTM(hidden_size, coupled=coupled, compute_dtype=compute_dtype)
    return cell.step(params, carry, x)


register_rule(lstm_step, lstm_rule)


def _check_sizes(where: str, hidden_size: int, projection_size: int | None) -> None:
    checks.check_size(where, "hidden_size", hidden_size)
    if projection_size is not None:
        checks.check_size(where, "projection_size", projection_size)


__all__ = ["lstm_init", "lstm_init_carry", "lstm_step"]
