"""How well a query and a key go together: by a small network, or by a product."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.initializers import Glorot
from recur.types import Array, DTypeLike, Initializer


@portable
class AdditiveParams(NamedTuple):
    """Weights of an additive score."""

    w_q: Array  # [Q, A]
    w_k: Array  # [M, A]
    b: Array  # [A]
    v: Array  # [A]

    def keys(self, memory: Array) -> Array:
        """Prepares ``memory [..., M]`` once for all queries: ``[..., A]``."""
        return add_bias(matmul(memory, self.w_k), self.b)


@portable
class MultiplicativeParams(NamedTuple):
    """Weights of a multiplicative score."""

    w_k: Array  # [M, Q]

    def keys(self, memory: Array) -> Array:
        """Prepares ``memory [..., M]`` once for all queries: ``[..., Q]``."""
        return matmul(memory, self.w_k)


@dataclass(frozen=True)
class Additive:
    r"""Scores by a network of one hidden layer.

    .. math::
        e(q, k) = v^\top \tanh(q W_q + k W_k + b)

    Args:
      size: ``A``, the units of the hidden layer.
      kernel_init: Draws both matrices and ``v``.
      dtype: Dtype of the weights.

    Raises:
      TypeError: If ``size`` is no integer, or ``dtype`` not floating.
      ValueError: If ``size`` is below 1.

    Example:
      >>> score = Additive(4)
      >>> params = score.init(jax.random.key(0), query_size=2, key_size=3)
      >>> keys = params.keys(jnp.ones((5, 3)))
      >>> score.scores(params, jnp.ones((1, 2)), keys).shape
      (1, 5)

    References:
      Bahdanau, Cho and Bengio, `Neural machine translation by jointly learning to align
      and translate <https://arxiv.org/abs/1409.0473>`_, 2015.
    """

    size: int
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        checks.check_size("Additive", "size", self.size)
        checks.check_floating("Additive", "dtype", self.dtype)

    def init(self, key: Array, query_size: int, key_size: int) -> AdditiveParams:
        """Draws the weights."""
        checks.check_key("Additive.init", key)
        k_q, k_k, k_v = jax.random.split(key, 3)
        draw, size = self.kernel_init, self.size
        w_q = draw(k_q, (query_size, size), self.dtype)
        w_k = draw(k_k, (key_size, size), self.dtype)
        v = draw(k_v, (size, 1), self.dtype)[:, 0]
        return AdditiveParams(w_q, w_k, jnp.zeros(size, self.dtype), v)

    def scores(self, params: AdditiveParams, queries: Array, keys: Array) -> Array:
        """Scores ``queries [..., L, Q]`` against ``keys [..., S, A]``."""
        q = matmul(queries, params.w_q).astype(keys.dtype)
        hidden = jnp.tanh(q[..., :, None, :] + keys[..., None, :, :])
        return matmul(hidden, params.v[:, None])[..., 0]


@dataclass(frozen=True)
class Multiplicative:
    r"""Scores by a bilinear product, the ``general`` score of its paper.

    .. math::
        e(q, k) = k W q^\top

    Args:
      scaled: Whether it is divided by the square root of the query's size. Without, one
        key soon has all the weight, and a network that is trained learns later where
        to look; see ``benchmarks/NOTES.md``.
      kernel_init: Draws ``W``.
      dtype: Dtype of the weights.

    Raises:
      TypeError: If ``dtype`` is not floating.

    Example:
      >>> score = Multiplicative()
      >>> params = score.init(jax.random.key(0), query_size=2, key_size=3)
      >>> keys = params.keys(jnp.ones((5, 3)))
      >>> score.scores(params, jnp.ones((1, 2)), keys).shape
      (1, 5)

    References:
      Luong, Pham and Manning, `Effective approaches to attention-based neural machine
      translation <https://doi.org/10.18653/v1/D15-1166>`_, 2015.
    """

    scaled: bool = False
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        checks.check_floating("Multiplicative", "dtype", self.dtype)

    def init(self, key: Array, query_size: int, key_size: int) -> MultiplicativeParams:
        """Draws the weights."""
        checks.check_key("Multiplicative.init", key)
        return MultiplicativeParams(
            self.kernel_init(key, (key_size, query_size), self.dtype)
        )

    def scores(
        self, params: MultiplicativeParams, queries: Array, keys: Array
    ) -> Array:
        """Scores ``queries [..., L, Q]`` against ``keys [..., S, Q]``."""
        scores = jnp.einsum("...lq,...sq->...ls", queries.astype(keys.dtype), keys)
        return scores / keys.shape[-1] ** 0.5 if self.scaled else scores


Score: TypeAlias = Additive | Multiplicative


__all__ = [
    "Additive",
    "AdditiveParams",
    "Multiplicative",
    "MultiplicativeParams",
    "Score",
]
