"""An Elman unit as three functions."""

import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.chunked.resolve import register_rule
from recur.cells.elman import Elman, ElmanParams
from recur.cells.rules.elman import elman_rule
from recur.initializers import Glorot, Orthogonal, Zeros
from recur.types import Activation, Array, DTypeLike, Initializer


def elman_init(
    key: Array,
    input_size: int,
    hidden_size: int,
    *,
    kernel_init: Initializer = Glorot(),
    recurrent_init: Initializer = Orthogonal(),
    bias_init: Initializer = Zeros(),
    dtype: DTypeLike = jnp.float32,
) -> ElmanParams:
    """Draws the weights of an Elman unit.

    Args:
      key: Random key.
      input_size: ``I``, the last axis of ``x``.
      hidden_size: ``H``, the last axis of the carry.
      kernel_init: Draws the input weights, ``[I, H]``.
      recurrent_init: Draws the recurrent weights, ``[H, H]``. The IRNN takes
        ``initializers.Identity()`` here and ReLU as its activation.
      bias_init: Draws the bias, ``[H]``.
      dtype: Dtype of the weights.

    Returns:
      ``ElmanParams(w_ih [I, H], w_hh [H, H], b [H])``.

    Raises:
      TypeError: If ``key`` is not a random key or a size not an integer.
      ValueError: If a size is below 1.

    Example:
      >>> params = elman_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> params.w_ih.shape, params.w_hh.shape, params.b.shape
      ((3, 5), (5, 5), (5,))
    """
    checks.check_size("elman_init", "hidden_size", hidden_size)
    cell = Elman(
        hidden_size,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return cell.init(key, input_size)


def elman_init_carry(
    hidden_size: int,
    batch_shape: tuple[int, ...] = (),
    *,
    dtype: DTypeLike = jnp.float32,
) -> Array:
    """Makes the zero carry of an Elman unit.

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
      >>> elman_init_carry(5, (2,)).shape
      (2, 5)
    """
    checks.check_size("elman_init_carry", "hidden_size", hidden_size)
    return Elman(hidden_size, dtype=dtype).init_carry(batch_shape)


def elman_step(
    params: ElmanParams,
    carry: Array,
    x: Array,
    *,
    activation: Activation = jnp.tanh,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    """Advances an Elman unit by one time step, as :class:`recur.Elman` says.

    Args:
      params: Weights with input size ``I`` and hidden size ``H``.
      carry: ``h`` of the step before, ``[..., H]``.
      x: Input of this step, ``[..., I]``, with the leading axes of ``carry``.
      activation: The function ``g``, any callable.
      compute_dtype: Dtype of the operands of the products, by default that of the
        weights. Sums and activations are taken in float32 or wider.

    Returns:
      ``(carry, y)``: the new ``h`` twice, ``[..., H]`` in the dtype of ``carry``.

    Raises:
      TypeError: If ``params`` or ``carry`` is of another cell, or ``x`` not floating.
      ValueError: If the shapes of params, carry and ``x`` do not fit together.

    Example:
      >>> params = elman_init(jax.random.key(0), input_size=3, hidden_size=5)
      >>> carry, y = elman_step(params, elman_init_carry(5, (2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """
    checks.check_type("elman_step", "params", params, ElmanParams, "elman_init")
    options = {"activation": activation, "compute_dtype": compute_dtype}
    return Elman(params.w_hh.shape[0], **options).step(params, carry, x)


register_rule(elman_step, elman_rule)


__all__ = ["elman_init", "elman_init_carry", "elman_step"]
