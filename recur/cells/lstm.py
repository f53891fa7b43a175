"""Long short-term memory with a forget gate, and the options papers gave it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._arguments import check_bools
from recur._ops.matmul import add_bias, matmul, scale
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur.cells.base import (
    Specification,
    check_fit,
    init_weights,
    zero_carry,
)
from recur.cells.rules.lstm import LSTMRule, lstm_rule
from recur.initializers import (
    Chrono,
    Glorot,
    Orthogonal,
    Zeros,
    check_retention,
    init_gates,
    retention_bias,
)
from recur.types import Array, DTypeLike, Initializer


@portable
class LSTMParams(NamedTuple):
    """Weights of an LSTM, gates fused on the last axis as ``i, f, g, o``.

    With coupled gates they are ``i, g, o``, and ``3H`` stands for ``4H``. ``w_ch`` and
    ``w_hr`` are ``None`` in an LSTM without peepholes or projection; without the
    latter, ``P`` is ``H``.
    """

    w_ih: Array  # [I, 4H]
    w_hh: Array  # [P, 4H]
    b: Array  # [4H]
    w_ch: Array | None = None  # [3H] for i, f, o; coupled [2H] for i, o
    w_hr: Array | None = None  # [H, P]


@portable
class LSTMCarry(NamedTuple):
    """Recurrent value of an LSTM: its output and its memory."""

    h: Array  # [..., P], which is H without a projection
    c: Array  # [..., H]


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
      peephole: Whether the gates look at the cell; see :func:`lstm_step`.
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
    checks.check_key("lstm_init", key)
    check_bools("lstm_init", peephole=peephole, coupled=coupled)
    _check_projection("lstm_init", projection_size)
    k_weights, k_forget, k_ch, k_hr = jax.random.split(key, 4)
    w_ih, w_hh, b = init_weights(
        "lstm_init",
        k_weights,
        input_size,
        hidden_size,
        gates=3 if coupled else 4,
        output_size=projection_size,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    f, i = retention_bias(forget_bias, k_forget, hidden_size, dtype)
    gates = [-f] if coupled else [i, f]
    b += jnp.concatenate([*gates, jnp.zeros(2 * hidden_size, dtype)])
    looks, w_ch, w_hr = (2 if coupled else 3), None, None
    if peephole:
        w_ch = init_gates(bias_init, k_ch, (hidden_size,), looks, dtype)
    if projection_size is not None:
        w_hr = kernel_init(k_hr, (hidden_size, projection_size), dtype)
    return LSTMParams(w_ih, w_hh, b, w_ch, w_hr)


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
    _check_projection("lstm_init_carry", projection_size)
    # Two buffers, not one twice: a carry is often donated.
    c = zero_carry("lstm_init_carry", hidden_size, batch_shape, dtype)
    output_size = projection_size or hidden_size
    return LSTMCarry(zero_carry("lstm_init_carry", output_size, batch_shape, dtype), c)


def lstm_step(
    params: LSTMParams,
    carry: LSTMCarry,
    x: Array,
    *,
    coupled: bool = False,
    compute_dtype: DTypeLike | None = None,
) -> tuple[LSTMCarry, Array]:
    r"""Advances a long short-term memory by one time step.

    .. math::
        (\tilde i, \tilde f, \tilde g, \tilde o) &= x_t W_{ih} + h_{t-1} W_{hh} + b \\
        i &= \sigma(\tilde i + w_{ci} \odot c_{t-1}) \\
        f &= \sigma(\tilde f + w_{cf} \odot c_{t-1})
            \quad \text{or, coupled,} \quad 1 - i \\
        c_t &= f \odot c_{t-1} + i \odot \tanh(\tilde g) \\
        o &= \sigma(\tilde o + w_{co} \odot c_t) \\
        h_t &= (o \odot \tanh(c_t)) \, W_{hr}

    Params without peepholes ``w_ch`` or projection ``w_hr`` leave these products out.
    Of the peepholes, that of the output gate looks at the new cell.

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

    References:
      Hochreiter and Schmidhuber, `Long short-term memory
      <https://doi.org/10.1162/neco.1997.9.8.1735>`_, 1997; Gers, Schmidhuber and
      Cummins, `Learning to forget <https://doi.org/10.1162/089976600300015015>`_, 2000.

      On peepholes: Gers, Schraudolph and Schmidhuber, `Learning precise timing with
      LSTM recurrent networks <https://www.jmlr.org/papers/v3/gers02a.html>`_, 2002. On
      coupled gates: Greff et al., `LSTM: a search space odyssey
      <https://doi.org/10.1109/TNNLS.2016.2582924>`_, 2017. On the projection: Sak,
      Senior and Beaufays, `Long short-term memory based recurrent neural network
      architectures <https://arxiv.org/abs/1402.1128>`_, 2014.
    """
    _check(params, carry, x, coupled=coupled)
    from_x = matmul(x, params.w_ih, compute_dtype)
    from_h = matmul(carry.h, params.w_hh, compute_dtype)
    gates = add_bias(from_x + from_h, params.b)
    i, f, g, o = _split(gates, 4, coupled=coupled)
    w_ci, w_cf, w_co = _split(params.w_ch, 3, coupled=coupled)
    c_tm1 = carry.c.astype(gates.dtype)
    i = checkpoint_name(_gate(i, w_ci, c_tm1), "input_gate")
    f = checkpoint_name(1 - i if coupled else _gate(f, w_cf, c_tm1), "forget_gate")
    g = checkpoint_name(jnp.tanh(g), "candidate")
    c = checkpoint_name(f * c_tm1 + i * g, "cell")
    o = checkpoint_name(_gate(o, w_co, c), "output_gate")
    h = o * jnp.tanh(c)
    h = h if params.w_hr is None else matmul(h, params.w_hr, compute_dtype)
    h = h.astype(carry.h.dtype)
    return LSTMCarry(h=h, c=c.astype(carry.c.dtype)), h


def _split(fused: Array | None, gates: int, *, coupled: bool) -> Any:
    """Takes the gates apart, with ``None`` where there is nothing of one."""
    if fused is None:
        return [None] * gates
    if not coupled:
        return jnp.split(fused, gates, axis=-1)
    i, *others = jnp.split(fused, gates - 1, axis=-1)
    return [i, None, *others]


def _gate(a: Array, w: Array | None, c: Array) -> Array:
    return jax.nn.sigmoid(a if w is None else a + scale(c, w))


@dataclass(frozen=True, kw_only=True)
class LSTM(Specification):
    """Specification of an LSTM: the functions above with their options bound.

    Args:
      hidden_size: ``H``.
      peephole: Whether the gates look at the cell.
      coupled: Whether the forget gate is one minus the input gate.
      projection_size: ``P``, the size of the output, by default ``H``.
      forget_bias: See :func:`lstm_init`.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> cell = LSTM(5, peephole=True)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    peephole: bool = False
    coupled: bool = False
    projection_size: int | None = None
    forget_bias: float | Chrono = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_projection("LSTM", self.projection_size)
        check_bools("LSTM", peephole=self.peephole, coupled=self.coupled)
        check_retention("LSTM", "forget_bias", self.forget_bias)

    @property
    def output_size(self) -> int:
        """``P``, or ``H`` without a projection: the last axis of ``y``."""
        return self.projection_size or self.hidden_size

    def init(self, key: Array, input_size: int) -> LSTMParams:
        """Draws the params; see :func:`lstm_init`."""
        return lstm_init(
            key,
            input_size,
            peephole=self.peephole,
            coupled=self.coupled,
            projection_size=self.projection_size,
            forget_bias=self.forget_bias,
            **self.init_options(),
        )

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: LSTMParams | None = None
    ) -> LSTMCarry:
        """Makes the zero carry; see :func:`lstm_init_carry`."""
        options = {"projection_size": self.projection_size, "dtype": self.dtype}
        return lstm_init_carry(self.hidden_size, batch_shape, **options)

    def step(
        self, params: LSTMParams, carry: LSTMCarry, x: Array
    ) -> tuple[LSTMCarry, Array]:
        """Advances by one step; see :func:`lstm_step`."""
        options = {"coupled": self.coupled, "compute_dtype": self.compute_dtype}
        return lstm_step(params, carry, x, **options)

    def rule(self, params: LSTMParams, carry: LSTMCarry) -> LSTMRule | None:
        """Takes the step apart for the fast roll."""
        options = {"coupled": self.coupled, "compute_dtype": self.compute_dtype}
        return lstm_rule(params, carry, **options)


register_rule(lstm_step, lstm_rule)
register_rule(LSTM, LSTM.rule)


def _check(params: LSTMParams, carry: LSTMCarry, x: Array, *, coupled: bool) -> None:
    checks.check_type("lstm_step", "params", params, LSTMParams, "lstm_init")
    checks.check_type("lstm_step", "carry", carry, LSTMCarry, "lstm_init_carry")
    gates, output_size = 3 if coupled else 4, params.w_hh.shape[0]
    hidden_size = output_size if params.w_hr is None else params.w_hr.shape[0]
    if params.w_ih.shape[-1] == (4 if coupled else 3) * hidden_size:
        raise ValueError(
            f"lstm_step: params.w_ih is {checks.describe(params.w_ih)} with "
            f"coupled={coupled}; expected {gates} gates of {hidden_size}. Make the "
            f"params with lstm_init(..., coupled={coupled})."
        )
    h = {"carry.h": carry.h}
    check_fit("lstm_step", params, h, x, gates=gates, hidden_size=hidden_size)
    checks.check_array("lstm_step", "carry.c", carry.c)
    shapes = {
        "carry.c": (carry.c, (*x.shape[:-1], hidden_size)),
        "params.w_ch": (params.w_ch, ((gates - 1) * hidden_size,)),
        "params.w_hr": (params.w_hr, (hidden_size, output_size)),
    }
    for name, (value, shape) in shapes.items():
        if value is not None:
            checks.check_shape("lstm_step", name, value, shape)


def _check_projection(where: str, projection_size: int | None) -> None:
    if projection_size is not None:
        checks.check_size(where, "projection_size", projection_size)


__all__ = [
    "LSTM",
    "LSTMCarry",
    "LSTMParams",
    "lstm_init",
    "lstm_init_carry",
    "lstm_step",
]
