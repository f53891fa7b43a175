"""The gated recurrent unit with layer normalisation."""

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
class LayerNormGRUParams(NamedTuple):
    """Weights of a layer-normalised GRU, gates fused on the last axis as ``r, z, n``.

    The paper gives each of its four norms a bias. Three of them would only be added to
    ``b``, which stands for them; the fourth, inside the reset product, is ``b_hn``.
    """

    w_ih: Array  # [I, 3H]
    w_hh: Array  # [H, 3H]
    b: Array  # [3H]
    b_hn: Array  # [H]
    gain_x: Array  # [3H]
    gain_h: Array  # [3H]


def layer_norm_gru_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    update_bias: float | Chrono = 0.0,
    kernel_init: Initializer = Glorot(),
    recurrent_init: Initializer = Orthogonal(),
    bias_init: Initializer = Zeros(),
    dtype: DTypeLike = jnp.float32,
) -> LayerNormGRUParams:
    """Draws the weights of a layer-normalised GRU; gains are 1.

    Args:
      key: Random key.
      input_size: ``I``, the last axis of ``x``.
      hidden_size: ``H``, the last axis of the carry.
      update_bias: Added to the bias of the update gate; see :func:`recur.gru_init`.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate.
      recurrent_init: Draws the recurrent weights, ``[H, H]`` for each gate.
      bias_init: Draws the biases, ``[H]`` for each gate.
      dtype: Dtype of the weights.

    Returns:
      ``LayerNormGRUParams(w_ih [I, 3H], w_hh [H, 3H], b [3H], b_hn [H], gain_x [3H],
      gain_h [3H])``.

    Raises:
      TypeError: If ``key`` is not a random key or a size not an integer.
      ValueError: If a size is below 1.

    Example:
      >>> params = layer_norm_gru_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> params.w_ih.shape, params.b_hn.shape, params.gain_x.shape
      ((3, 15), (5,), (15,))
    """
    checks.check_key("layer_norm_gru_init", key)
    k_weights, k_update, k_hn = jax.random.split(key, 3)
    w_ih, w_hh, b = init_weights(
        "layer_norm_gru_init",
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
    b += jnp.concatenate([zeros, z, zeros])
    b_hn = bias_init(k_hn, (hidden_size,), dtype)
    # A buffer each, not one twice: params are often donated.
    gain_x, gain_h = jnp.ones_like(b), jnp.ones_like(b)
    return LayerNormGRUParams(w_ih, w_hh, b, b_hn, gain_x, gain_h)


def layer_norm_gru_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    dtype: DTypeLike = jnp.float32,
) -> Array:
    """Makes the zero carry of a layer-normalised GRU.

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
      >>> layer_norm_gru_init_carry(5, (2,)).shape
      (2, 5)
    """
    where = "layer_norm_gru_init_carry"
    return zero_carry(where, hidden_size, batch_shape, dtype)


def layer_norm_gru_step(
    params: LayerNormGRUParams,
    carry: Array,
    x: Array,
    *,
    eps: float = 1e-5,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    r"""Advances a layer-normalised GRU by one time step.

    .. math::
        (r, z) &= \sigma(\mathrm{LN}(x_t W_{irz}; \alpha_{xrz})
            + \mathrm{LN}(h_{t-1} W_{hrz}; \alpha_{hrz}) + b_{rz}) \\
        n &= \tanh(\mathrm{LN}(x_t W_{in}; \alpha_{xn}) + b_n
            + r \odot (\mathrm{LN}(h_{t-1} W_{hn}; \alpha_{hn}) + b_{hn})) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}

    The two gates are normalised as one vector, the candidate as another. An open ``z``
    keeps the old value, as in :func:`recur.gru_step`. In the paper it writes the new
    one: negate the ``z`` slices of the paper's gains and biases, and leave its weights
    as they are, since :math:`1 - \sigma(a) = \sigma(-a)`.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h`` of the step before, ``[..., H]``.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      eps: Added to each variance, above 0.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Statistics, sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new ``h`` twice, ``[..., H]`` in the dtype of ``carry``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together, or
        ``eps`` is not above 0.

    Example:
      >>> params = layer_norm_gru_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry = layer_norm_gru_init_carry(5, (2,))
      >>> carry, y = layer_norm_gru_step(params, carry, jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Ba, Kiros and Hinton, `Layer normalization <https://arxiv.org/abs/1607.06450>`_,
      2016, supplementary material.
    """
    _check(params, carry, x)
    from_x = matmul(x, params.w_ih, compute_dtype)
    from_h = matmul(carry, params.w_hh, compute_dtype)
    x_rz, x_n = _normalise(from_x, params.gain_x, eps)
    h_rz, h_n = _normalise(from_h, params.gain_h, eps)
    b_rz, b_n = _split(params.b)
    r, z = jnp.split(jax.nn.sigmoid(add_bias(x_rz + h_rz, b_rz)), 2, axis=-1)
    r, z = checkpoint_name(r, "reset_gate"), checkpoint_name(z, "update_gate")
    n = jnp.tanh(add_bias(x_n, b_n) + r * add_bias(h_n, params.b_hn))
    n = checkpoint_name(n, "candidate")
    h = ((1 - z) * n + z * carry.astype(n.dtype)).astype(carry.dtype)
    return h, h


def _split(fused: Array) -> list[Array]:
    """Takes the candidate off the two gates."""
    return jnp.split(fused, [2 * fused.shape[-1] // 3], axis=-1)


def _normalise(fused: Array, gain: Array, eps: float) -> list[Array]:
    pairs = zip(_split(fused), _split(gain), strict=True)
    return [layer_norm(a, alpha, eps) for a, alpha in pairs]


@dataclass(frozen=True, kw_only=True)
class LayerNormGRU(Specification):
    """Specification of a layer-normalised GRU.

    Args:
      hidden_size: ``H``.
      update_bias: See :func:`layer_norm_gru_init`.
      eps: See :func:`layer_norm_gru_step`.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      ValueError: If ``eps`` is not above 0.

    Example:
      >>> cell = LayerNormGRU(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    update_bias: float | Chrono = 0.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_positive("LayerNormGRU", "eps", self.eps)
        check_retention("LayerNormGRU", "update_bias", self.update_bias)

    def init(self, key: Array, input_size: int) -> LayerNormGRUParams:
        """Draws the params; see :func:`layer_norm_gru_init`."""
        options = {"update_bias": self.update_bias, **self.init_options()}
        return layer_norm_gru_init(key, input_size, **options)

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: LayerNormGRUParams | None = None,
    ) -> Array:
        """Makes the zero carry; see :func:`layer_norm_gru_init_carry`."""
        return layer_norm_gru_init_carry(
            self.hidden_size, batch_shape, dtype=self.dtype
        )

    def step(
        self, params: LayerNormGRUParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Advances by one step; see :func:`layer_norm_gru_step`."""
        options = {"eps": self.eps, "compute_dtype": self.compute_dtype}
        return layer_norm_gru_step(params, carry, x, **options)


def _check(params: LayerNormGRUParams, carry: Array, x: Array) -> None:
    where, maker = "layer_norm_gru_step", "layer_norm_gru_init"
    checks.check_type(where, "params", params, LayerNormGRUParams, maker)
    vectors = {"b_hn": 1, "gain_x": 3, "gain_h": 3}
    check_fit(where, params, {"carry": carry}, x, gates=3, vectors=vectors)


__all__ = [
    "LayerNormGRU",
    "LayerNormGRUParams",
    "layer_norm_gru_init",
    "layer_norm_gru_init_carry",
    "layer_norm_gru_step",
]
