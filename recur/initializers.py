r"""Ways to draw the first weights, named as in the papers.

Each is a frozen dataclass called as ``init(key, shape, dtype)``, the form of
``jax.nn.initializers`` and Flax, so theirs may be passed instead. Cells call them once
**per gate**: with ``(I, H)`` for input weights, ``(H, H)`` for recurrent ones and
``(H,)`` for biases. So an orthogonal initialiser gives one orthogonal matrix per gate.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from recur import _capacity as capacity
from recur._arguments import check_number
from recur._checks import check_positive
from recur.types import Array, DTypeLike, Initializer


@dataclass(frozen=True)
class Zeros:
    """All zeros, the usual bias.

    Example:
      >>> Zeros()(jax.random.key(0), (2,), jnp.float32)
      Array([0., 0.], dtype=float32)
    """

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Makes an array of ``shape`` and ``dtype``; ``key`` is not used."""
        capacity.check_array("Zeros", shape, dtype)
        return jnp.zeros(shape, dtype)


@dataclass(frozen=True)
class Glorot:
    r"""Uniform with variance ``2 / (fan_in + fan_out)``.

    Example:
      >>> Glorot()(jax.random.key(0), (64, 32), jnp.float32).shape
      (64, 32)

    References:
      Glorot and Bengio, `Understanding the difficulty of training deep feedforward
      neural networks <https://proceedings.mlr.press/v9/glorot10a.html>`_, 2010.
    """

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Draws an array of ``shape`` and ``dtype``."""
        capacity.check_array("Glorot", shape, dtype)
        return jax.nn.initializers.glorot_uniform()(key, shape, dtype)


@dataclass(frozen=True)
class LeCun:
    r"""Truncated normal with variance ``1 / fan_in``.

    Example:
      >>> LeCun()(jax.random.key(0), (64, 32), jnp.float32).shape
      (64, 32)

    References:
      LeCun, Bottou, Orr and Müller, `Efficient BackProp
      <https://doi.org/10.1007/3-540-49430-8_2>`_, 1998.
    """

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Draws an array of ``shape`` and ``dtype``."""
        capacity.check_array("LeCun", shape, dtype)
        return jax.nn.initializers.lecun_normal()(key, shape, dtype)


@dataclass(frozen=True)
class Orthogonal:
    """A random orthogonal matrix times ``scale``: it keeps the length of what it maps.

    Example:
      >>> q = Orthogonal()(jax.random.key(0), (4, 4), jnp.float32)
      >>> bool(jnp.allclose(q @ q.T, jnp.eye(4), atol=1e-5))
      True

    References:
      Saxe, McClelland and Ganguli, `Exact solutions to the nonlinear dynamics of
      learning in deep linear neural networks <https://arxiv.org/abs/1312.6120>`_, 2014.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_number(type(self).__name__, "scale", self.scale)

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Draws a matrix of ``shape`` and ``dtype``."""
        capacity.check_array("Orthogonal", shape, dtype)
        # The QR factorisation exists in float32 and float64 only.
        wide = jnp.float64 if jnp.dtype(dtype) == jnp.float64 else jnp.float32
        matrix = jax.nn.initializers.orthogonal(self.scale)(key, shape, wide)
        return matrix.astype(dtype)


@dataclass(frozen=True)
class Identity:
    """The identity matrix times ``scale``; with ReLU and zero biases, the IRNN recipe.

    Example:
      >>> Identity()(jax.random.key(0), (2, 2), jnp.float32)
      Array([[1., 0.],
             [0., 1.]], dtype=float32)

    References:
      Le, Jaitly and Hinton, `A simple way to initialize recurrent networks of
      rectified linear units <https://arxiv.org/abs/1504.00941>`_, 2015.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_number(type(self).__name__, "scale", self.scale)

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Makes a matrix of ``shape`` and ``dtype``; ``key`` is not used."""
        capacity.check_array("Identity", shape, dtype)
        return self.scale * jnp.eye(*shape, dtype=dtype)


@dataclass(frozen=True)
class Uniform:
    r"""Uniform in ``±bound``; by default ``±1/√H``, the recipe of ``torch.nn.LSTM``.

    ``H`` is the last axis of the shape, which is the hidden size for every weight and
    bias of a cell here.

    Example:
      >>> w = Uniform()(jax.random.key(0), (8, 4), jnp.float32)
      >>> bool(jnp.abs(w).max() <= 0.5)
      True
    """

    bound: float | None = None

    def __post_init__(self) -> None:
        if self.bound is not None:
            check_positive("Uniform", "bound", self.bound)

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Draws an array of ``shape`` and ``dtype``."""
        capacity.check_array("Uniform", shape, dtype)
        bound = 1 / math.sqrt(shape[-1]) if self.bound is None else self.bound
        return jax.random.uniform(key, shape, dtype, -bound, bound)


@dataclass(frozen=True)
class Chrono:
    r"""Forget biases for memories that last up to ``max_lag`` steps.

    .. math::
        b_f \sim \log \mathcal{U}(1, T_{max} - 1), \qquad b_i = -b_f

    Pass it as ``forget_bias`` of an LSTM (which then also sets the input gate's bias)
    or as ``update_bias`` of a GRU.

    Example:
      >>> b_f = Chrono(max_lag=100)(jax.random.key(0), (3,), jnp.float32)
      >>> bool((b_f >= 0).all() and (b_f <= jnp.log(99.0)).all())
      True

    References:
      Tallec and Ollivier, `Can recurrent neural networks warp time?
      <https://arxiv.org/abs/1804.11188>`_, 2018.
    """

    max_lag: float

    def __post_init__(self) -> None:
        check_number("Chrono", "max_lag", self.max_lag)
        if self.max_lag <= 2:
            raise ValueError(
                f"Chrono: max_lag is {self.max_lag}; expected more than 2 steps, the "
                "longest dependency to be learned."
            )

    def __call__(
        self, key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
    ) -> Array:
        """Draws forget biases of ``shape`` and ``dtype``."""
        capacity.check_array("Chrono", shape, dtype)
        lags = jax.random.uniform(key, shape, jnp.float32, 1.0, self.max_lag - 1)
        return jnp.log(lags).astype(dtype)


def init_gates(
    init: Initializer, key: Array, shape: tuple[int, ...], gates: int, dtype: DTypeLike
) -> Array:
    """Draws ``gates`` independent arrays of ``shape`` and joins their last axes.

    Example:
      >>> init_gates(Glorot(), jax.random.key(0), (3, 4), 2, jnp.float32).shape
      (3, 8)
    """
    capacity.check_array("init", (*shape[:-1], gates * shape[-1]), dtype)
    keys = jax.random.split(key, gates)
    return jnp.concatenate([init(k, shape, dtype) for k in keys], axis=-1)


def check_retention(where: str, name: str, bias: Any) -> None:
    """Refuses a bias that is neither a number nor :class:`Chrono`."""
    if not isinstance(bias, Chrono):
        check_number(where, name, bias)


def retention_bias(
    bias: float | Chrono, key: Array, hidden_size: int, dtype: DTypeLike
) -> tuple[Array, Array]:
    """Makes the bias of the gate that keeps memory, and of the one that writes it.

    Example:
      >>> retention_bias(1.0, jax.random.key(0), 2, jnp.float32)
      (Array([1., 1.], dtype=float32), Array([0., 0.], dtype=float32))
    """
    if isinstance(bias, Chrono):
        keep = bias(key, (hidden_size,), dtype)
        return keep, -keep
    return jnp.full((hidden_size,), bias, dtype), jnp.zeros((hidden_size,), dtype)


__all__ = [
    "Chrono",
    "Glorot",
    "Identity",
    "LeCun",
    "Orthogonal",
    "Uniform",
    "Zeros",
]
