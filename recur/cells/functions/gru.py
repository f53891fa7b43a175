"""A GRU as three functions, and one that turns its update gate over."""

import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.chunked.resolve import register_rule
from recur.cells.gru import GRU, GRUParams
from recur.cells.rules.gru import gru_rule
from recur.initializers import Chrono, Glorot, Orthogonal, Zeros
from recur.types import Array, DTypeLike, Initializer


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
      reset_after: Which form the weights are for; see :class:`recur.GRU`.
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
    checks.check_size("gru_init", "hidden_size", hidden_size)
    cell = GRU(
        hidden_size,
        reset_after=reset_after,
        update_bias=update_bias,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return cell.init(key, input_size)


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
    checks.check_size("gru_init_carry", "hidden_size", hidden_size)
    return GRU(hidden_size, dtype=dtype).init_carry(batch_shape)


def gru_step(
    params: GRUParams,
    carry: Array,
    x: Array,
    *,
    reset_after: bool = True,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """Advances a gated recurrent unit by one time step, as :class:`recur.GRU` says.

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
    """
    checks.check_type("gru_step", "params", params, GRUParams, "gru_init")
    options = {"reset_after": reset_after, "compute_dtype": compute_dtype}
    return GRU(params.w_hh.shape[0], **options).step(params, carry, x)


register_rule(gru_step, gru_rule)


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


__all__ = ["gru_flip_update", "gru_init", "gru_init_carry", "gru_step"]
