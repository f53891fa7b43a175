"""What the cells share: options, the draw of weights, and whether things fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from recur import _capacity as capacity
from recur import _checks as checks
from recur._arguments import check_functions
from recur.initializers import Glorot, Orthogonal, Zeros
from recur.types import Array, DTypeLike, Initializer


@dataclass(frozen=True, kw_only=True)
class Specification:
    """Options common to the cells; a value, so equal options are equal and hash alike.

    Args:
      hidden_size: ``H``, the size of the output and of the recurrent value.
      kernel_init: Draws the input weights, ``[I, H]`` for each gate.
      recurrent_init: Draws the recurrent weights, ``[H, H]`` for each gate.
      bias_init: Draws the biases, ``[H]`` for each gate.
      dtype: Dtype of params and carry.
      compute_dtype: Dtype of the operands of the products, by default ``dtype``;
        ``jnp.bfloat16`` beside a float32 ``dtype`` is the usual mixed precision.

    Raises:
      TypeError: If ``hidden_size`` is not an integer, an initialiser no function, or a
        dtype not floating.
      ValueError: If ``hidden_size`` is below 1.
    """

    hidden_size: int = field(kw_only=False)
    kernel_init: Initializer = Glorot()
    recurrent_init: Initializer = Orthogonal()
    bias_init: Initializer = Zeros()
    dtype: DTypeLike = jnp.float32
    compute_dtype: DTypeLike | None = None

    def __post_init__(self) -> None:
        where = type(self).__name__
        checks.check_size(where, "hidden_size", self.hidden_size)
        inits = ("kernel_init", "recurrent_init", "bias_init")
        check_functions(where, **{name: getattr(self, name) for name in inits})
        for name in ("dtype", "compute_dtype"):
            dtype = getattr(self, name)
            if name == "dtype" or dtype is not None:
                checks.check_floating(where, name, dtype)
                # jnp.float32 and "float32" name one dtype: make them one value.
                object.__setattr__(self, name, jnp.dtype(dtype))

    @property
    def output_size(self) -> int:
        """``H``, the last axis of ``y``."""
        return self.hidden_size


def zero_carry(
    where: str,
    hidden_size: int,
    batch_shape: tuple[int, ...],
    dtype: DTypeLike,
    *,
    shape: tuple[int, ...] | None = None,
) -> Array:
    """Makes zeros ``[*batch_shape, H]``, or of another ``shape`` in the place of ``H``.

    Example:
      >>> zero_carry("doc", 5, (2,), jnp.float32).shape
      (2, 5)
    """
    checks.check_size(where, "hidden_size", hidden_size)
    checks.check_batch_shape(where, batch_shape)
    checks.check_floating(where, "dtype", dtype)
    whole = (*batch_shape, *((hidden_size,) if shape is None else shape))
    capacity.check_array(where, whole, dtype)
    return jnp.zeros(whole, dtype)


def check_shapes(
    where: str,
    params: Any,
    carry: Mapping[str, Array],
    x: Array,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    input_size: int,
    carry_shapes: Mapping[str, tuple[int, ...]],
) -> None:
    """Refuses arrays of a carry, an input and fields of params of other shapes.

    ``carry_shapes`` are without the batch axes.

    Example:
      >>> sizes = {"input_size": 3, "carry_shapes": {"carry": (5,)}}
      >>> check_shapes("doc", None, {"carry": jnp.zeros(4)}, jnp.zeros(3), {}, **sizes)
      Traceback (most recent call last):
      ValueError: doc: carry is float32[4]; expected the shape (5,), ...
    """
    for name, value in carry.items():
        checks.check_array(where, name, value)
    name, first = next(iter(carry.items()))
    checks.check_leading_axes(where, x, first, input_size, len(carry_shapes[name]))
    for name, shape in shapes.items():
        checks.check_shape(where, f"params.{name}", getattr(params, name), shape)
    for name, value in carry.items():
        checks.check_shape(where, name, value, (*x.shape[:-1], *carry_shapes[name]))
