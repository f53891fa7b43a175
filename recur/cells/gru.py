"""The gated recurrent unit, in both of its published forms."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._arguments import check_bools
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur._roll.chunked.rule import StepRule
from recur.cells.base import (
    Specification,
    check_fit,
    init_weights,
    zero_carry,
)
from recur.cells.rules.gru import gru_rule
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
class GRUParams(NamedTuple):
    """Weights of a GRU, gates fused on the last axis as ``r, z, n``.

    ``b_hn`` is the bias inside the reset product. The form that resets before the
    product has no use for it, and holds ``None`` there.
    """

    w_ih: Array  # [I, 3H]
    w_hh: Array  # [H, 3H]
    b: Array  # [3H]
    b_hn: Array | None  # [H]


def gru_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    reset_after: bool = True,
    update_bias: float | Chrono = 0.0,
    kernel_init: Initializer = Glorot(),
    recurrent_init: Initializer = Orthogonal(),
    bias_init: Initializer = Zeros(),
    dtype: DTypeLike = jnp.float32,
) -> GRUParams:
    """Draws the weights of a GRU.

    Args:
      key: Random key.
      input_size: ``I``, the last axis of ``x``.
      hidden_size: ``H``, the last axis of the carry.
      reset_after: Which form the weights are for; see :func:`gru_step`.
      update_bias: Added to the bias of the update gate, which keeps the old value when
        it is open: the GRU's forget bias. ``initializers.Chrono(max_lag)`` draws it.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate.
      recurrent_init: Draws the recurrent weights, ``[H, H]`` for each gate.
      bias_init: Draws the biases, ``[H]`` for each gate.
      dtype: Dtype of the weights.

    Returns:
      ``GRUParams(w_ih [I, 3H], w_hh [H, 3H], b [3H], b_hn [H] or None)``.

    Raises:
      TypeError: If ``key`` is not a random key or a size not an integer.
      ValueError: If a size is below 1.

    Example:
      >>> params = gru_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> params.w_ih.shape, params.w_hh.shape, params.b.shape, params.b_hn.shape
      ((3, 15), (5, 15), (15,), (5,))
    """
    checks.check_key("gru_init", key)
    k_weights, k_update, k_hn = jax.random.split(key, 3)
    w_ih, w_hh, b = init_weights(
        "gru_init",
        k_weights,
        input_size,
        hidden_size,
        gates=3,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    z, _ = retention_bias(update_bias, k_update, hidden_size, dtype)
    zeros = jnp.zeros_like(z)
    b_hn = bias_init(k_hn, (hidden_size,), dtype) if reset_after else None
    return GRUParams(w_ih, w_hh, b + jnp.concatenate([zeros, z, zeros]), b_hn)


def gru_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    dtype: DTypeLike = jnp.float32,
) -> Array:
    """Makes the zero carry of a GRU.

    Args:
      hidden_size: ``H``.
      batch_shape: Leading axes, such as ``(32,)``.
      dtype: Dtype of the carry, which every step keeps.

    Returns:
      ``h``, zeros ``[*batch_shape, H]``.

    Raises:
      TypeError: If an argument is of another type.
      ValueError: If ``hidden_size`` is below 1 or an axis below 0.

    Example:
      >>> gru_init_carry(5, (2,)).shape
      (2, 5)
    """
    return zero_carry("gru_init_carry", hidden_size, batch_shape, dtype)


def gru_step(
    params: GRUParams,
    carry: Array,
    x: Array,
    *,
    reset_after: bool = True,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    r"""Advances a gated recurrent unit by one time step.

    .. math::
        r &= \sigma(x_t W_{ir} + h_{t-1} W_{hr} + b_r) \\
        z &= \sigma(x_t W_{iz} + h_{t-1} W_{hz} + b_z) \\
        n &= \tanh(x_t W_{in} + b_n + r \odot (h_{t-1} W_{hn} + b_{hn}))
            \quad \text{or} \quad
            \tanh(x_t W_{in} + b_n + (r \odot h_{t-1}) W_{hn}) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    The first ``n`` resets after the product (torch, cuDNN, Flax, Keras by default),
    the second before it (the paper, Haiku, ONNX by default). In both, an open ``z``
    keeps the old value; where a text lets it write the new one instead, convert with
    :func:`gru_flip_update`.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h`` of the step before, ``[..., H]``.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      reset_after: Whether ``r`` acts after the product with ``W_hn`` or before it.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new ``h`` twice, ``[..., H]`` in the dtype of ``carry``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together, or the
        params are for the other form.

    Example:
      >>> params = gru_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry, y = gru_step(params, gru_init_carry(5, (2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Cho et al., `Learning phrase representations using RNN encoder-decoder for
      statistical machine translation <https://doi.org/10.3115/v1/D14-1179>`_, 2014.
    """
    _check(params, carry, x, reset_after=reset_after)
    candidate = _reset_after if reset_after else _reset_before
    z, n = candidate(params, carry, x, compute_dtype)
    h = (1 - z) * n + z * carry.astype(n.dtype)
    return h.astype(carry.dtype), h.astype(carry.dtype)


def _reset_after(
    params: GRUParams, h_tm1: Array, x: Array, compute_dtype: DTypeLike | None
) -> tuple[Array, Array]:
    x_rzn = add_bias(matmul(x, params.w_ih, compute_dtype), params.b)
    x_r, x_z, x_n = jnp.split(x_rzn, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(matmul(h_tm1, params.w_hh, compute_dtype), 3, axis=-1)
    r, z = _gates(x_r + h_r, x_z + h_z)
    assert params.b_hn is not None  # The check has seen to it.
    h_n = add_bias(h_n, params.b_hn)
    return z, checkpoint_name(jnp.tanh(x_n + r * h_n), "candidate")


def _reset_before(
    params: GRUParams, h_tm1: Array, x: Array, compute_dtype: DTypeLike | None
) -> tuple[Array, Array]:
    x_rzn = add_bias(matmul(x, params.w_ih, compute_dtype), params.b)
    x_r, x_z, x_n = jnp.split(x_rzn, 3, axis=-1)
    gates = 2 * h_tm1.shape[-1]
    w_hrz, w_hn = params.w_hh[:, :gates], params.w_hh[:, gates:]
    h_r, h_z = jnp.split(matmul(h_tm1, w_hrz, compute_dtype), 2, axis=-1)
    r, z = _gates(x_r + h_r, x_z + h_z)
    h_n = matmul(r * h_tm1.astype(r.dtype), w_hn, compute_dtype)
    return z, checkpoint_name(jnp.tanh(x_n + h_n), "candidate")


def _gates(r: Array, z: Array) -> tuple[Array, Array]:
    r, z = jax.nn.sigmoid(r), jax.nn.sigmoid(z)
    return checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")


def gru_flip_update(params: GRUParams) -> GRUParams:
    r"""Converts between the two polarities of the update gate.

    .. math::
        1 - \sigma(a) = \sigma(-a)

    Here ``z`` keeps the old value: ``h = (1 - z) n + z h``. Many texts, and Haiku, let
    it write the new one: ``h = z n + (1 - z) h``. Negating the ``z`` slices of the
    weights turns one into the other, exactly, in both directions.

    Args:
      params: Weights of a GRU of either form and polarity.

    Returns:
      The weights of the same function in the other polarity.

    Raises:
      TypeError: If ``params`` is not ``GRUParams``.

    Example:
      >>> params = gru_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> twice = gru_flip_update(gru_flip_update(params))
      >>> bool((twice.w_ih == params.w_ih).all())
      True
    """
    checks.check_type("gru_flip_update", "params", params, GRUParams, "gru_init")

    def flip(w: Array) -> Array:
        r, z, n = jnp.split(w, 3, axis=-1)
        return jnp.concatenate([r, -z, n], axis=-1)

    flipped = {"w_ih": flip(params.w_ih), "w_hh": flip(params.w_hh)}
    return params._replace(b=flip(params.b), **flipped)


@dataclass(frozen=True, kw_only=True)
class GRU(Specification):
    """Specification of a GRU: the functions above with their options bound.

    Args:
      hidden_size: ``H``.
      reset_after: See :func:`gru_step`.
      update_bias: See :func:`gru_init`.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> cell = GRU(5, reset_after=False)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    reset_after: bool = True
    update_bias: float | Chrono = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bools("GRU", reset_after=self.reset_after)
        check_retention("GRU", "update_bias", self.update_bias)

    def init(self, key: Array, input_size: int) -> GRUParams:
        """Draws the params; see :func:`gru_init`."""
        return gru_init(
            key,
            input_size,
            reset_after=self.reset_after,
            update_bias=self.update_bias,
            **self.init_options(),
        )

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: GRUParams | None = None
    ) -> Array:
        """Makes the zero carry; see :func:`gru_init_carry`."""
        return gru_init_carry(self.hidden_size, batch_shape, dtype=self.dtype)

    def step(self, params: GRUParams, carry: Array, x: Array) -> tuple[Array, Array]:
        """Advances by one step; see :func:`gru_step`."""
        form, dtype = self.reset_after, self.compute_dtype
        return gru_step(params, carry, x, reset_after=form, compute_dtype=dtype)

    def rule(self, params: GRUParams, carry: Array) -> StepRule | None:
        """Takes the step apart for the fast roll."""
        form, dtype = self.reset_after, self.compute_dtype
        return gru_rule(params, carry, reset_after=form, compute_dtype=dtype)


register_rule(gru_step, gru_rule)
register_rule(GRU, GRU.rule)


def _check(params: GRUParams, carry: Array, x: Array, *, reset_after: bool) -> None:
    checks.check_type("gru_step", "params", params, GRUParams, "gru_init")
    if reset_after != (params.b_hn is not None):
        raise ValueError(
            f"gru_step: params.b_hn is {checks.describe(params.b_hn)} with "
            f"reset_after={reset_after}; expected "
            f"{'an array' if reset_after else 'None'}. Make the params with "
            f"gru_init(..., reset_after={reset_after})."
        )
    vectors = {"b_hn": 1} if reset_after else {}
    check_fit("gru_step", params, {"carry": carry}, x, gates=3, vectors=vectors)


__all__ = [
    "GRU",
    "GRUParams",
    "gru_flip_update",
    "gru_init",
    "gru_init_carry",
    "gru_step",
]
