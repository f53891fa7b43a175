"""The Elman network: the simple recurrent unit of the textbooks."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from recur import _checks as checks
from recur._arguments import check_functions
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur._roll.chunked.resolve import register_rule
from recur.cells.base import (
    Specification,
    check_fit,
    init_weights,
    zero_carry,
)
from recur.cells.rules.elman import ElmanRule, elman_rule
from recur.initializers import Glorot, Orthogonal, Zeros
from recur.types import Activation, Array, DTypeLike, Initializer


@portable
class ElmanParams(NamedTuple):
    """Weights of an Elman unit."""

    w_ih: Array  # [I, H]
    w_hh: Array  # [H, H]
    b: Array  # [H]


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
    weights = init_weights(
        "elman_init",
        key,
        input_size,
        hidden_size,
        gates=1,
        kernel_init=kernel_init,
        recurrent_init=recurrent_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    return ElmanParams(*weights)


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
    return zero_carry("elman_init_carry", hidden_size, batch_shape, dtype)


def elman_step(
    params: ElmanParams,
    carry: Array,
    x: Array,
    *,
    activation: Activation = jnp.tanh,
    compute_dtype: DTypeLike | None = None,
) -> tuple[Array, Array]:
    r"""Advances an Elman unit by one time step.

    .. math::
        h_t = g(x_t W_{ih} + h_{t-1} W_{hh} + b)

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

    References:
      Elman, `Finding structure in time <https://doi.org/10.1207/s15516709cog1402_1>`_,
      1990.
    """
    checks.check_type("elman_step", "params", params, ElmanParams, "elman_init")
    check_fit("elman_step", params, {"carry": carry}, x, gates=1)
    from_x = matmul(x, params.w_ih, compute_dtype)
    from_h = matmul(carry, params.w_hh, compute_dtype)
    h = activation(add_bias(from_x + from_h, params.b))
    h = checkpoint_name(h, "hidden").astype(carry.dtype)
    return h, h


@dataclass(frozen=True, kw_only=True)
class Elman(Specification):
    """Specification of an Elman unit: the functions above with their options bound.

    Args:
      hidden_size: ``H``.
      activation: The function ``g``. Two specifications are equal when it is the same
        function object, so prefer a named function to a ``lambda``.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> cell = Elman(5, activation=jax.nn.relu)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)
    """

    activation: Activation = jnp.tanh

    def __post_init__(self) -> None:
        super().__post_init__()
        check_functions("Elman", activation=self.activation)

    def init(self, key: Array, input_size: int) -> ElmanParams:
        """Draws the params; see :func:`elman_init`."""
        return elman_init(key, input_size, **self.init_options())

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: ElmanParams | None = None
    ) -> Array:
        """Makes the zero carry; see :func:`elman_init_carry`."""
        return elman_init_carry(self.hidden_size, batch_shape, dtype=self.dtype)

    def step(self, params: ElmanParams, carry: Array, x: Array) -> tuple[Array, Array]:
        """Advances by one step; see :func:`elman_step`."""
        options = {"activation": self.activation, "compute_dtype": self.compute_dtype}
        return elman_step(params, carry, x, **options)

    def rule(self, params: ElmanParams, carry: Array) -> ElmanRule | None:
        """Takes the step apart for the fast roll."""
        options = {"activation": self.activation, "compute_dtype": self.compute_dtype}
        return elman_rule(params, carry, **options)


register_rule(elman_step, elman_rule)
register_rule(Elman, Elman.rule)


__all__ = ["Elman", "ElmanParams", "elman_init", "elman_init_carry", "elman_step"]
