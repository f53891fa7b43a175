"""One output for a whole sequence, of the steps that are worth it."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias, matmul
from recur._portable import portable
from recur.attention.memory import lay_out, look, weigh
from recur.initializers import Glorot
from recur.types import Array, DTypeLike, Initializer


@portable
class AttentionPoolParams(NamedTuple):
    """Weights of a pooling by attention."""

    w: Array  # [M, A]
    b: Array  # [A]
    v: Array  # [A]


@dataclass(frozen=True)
class AttentionPool:
    r"""Takes the mean of the outputs of a roll, each step weighed by a network.

    .. math::
        \alpha_t \propto \exp(v^\top \tanh(y_t W + b)), \qquad
        \bar y = \sum_{t \text{ valid}} \alpha_t \, y_t

    Args:
      size: ``A``, the units of the network.
      kernel_init: Draws ``W`` and ``v``.
      dtype: Dtype of the weights.

    Raises:
      TypeError: If ``size`` is no integer, or ``dtype`` not floating.
      ValueError: If ``size`` is below 1.

    Example:
      >>> pool = AttentionPool(4)
      >>> params = pool.init(jax.random.key(0), input_size=3)
      >>> lengths = jnp.array([7, 2])
      >>> y, weights = pool(params, jnp.ones((7, 2, 3)), seq_lengths=lengths)
      >>> y.shape, weights[:, 1]
      ((2, 3), Array([0.5, 0.5, 0. , 0. , 0. , 0. , 0. ], dtype=float32))

    References:
      Yang et al., `Hierarchical attention networks for document classification
      <https://doi.org/10.18653/v1/N16-1174>`_, 2016.
    """

    size: int
    kernel_init: Initializer = Glorot()
    dtype: DTypeLike = jnp.float32

    def __post_init__(self) -> None:
        checks.check_size("AttentionPool", "size", self.size)
        checks.check_floating("AttentionPool", "dtype", self.dtype)

    def init(self, key: Array, input_size: int) -> AttentionPoolParams:
        """Draws the weights."""
        checks.check_key("AttentionPool.init", key)
        checks.check_size("AttentionPool.init", "input_size", input_size)
        k_w, k_v = jax.random.split(key)
        w = self.kernel_init(k_w, (input_size, self.size), self.dtype)
        v = self.kernel_init(k_v, (self.size, 1), self.dtype)[:, 0]
        return AttentionPoolParams(w, jnp.zeros(self.size, self.dtype), v)

    def __call__(
        self,
        params: AttentionPoolParams,
        ys: Array,
        *,
        seq_lengths: Array | None = None,
        mask: Array | None = None,
        time_major: bool = True,
    ) -> tuple[Array, Array]:
        """Pools ``ys [T, ..., M]``.

        Returns:
          ``(y [..., M], weights [T, ...])``, both zero for a row without a valid step;
          weights are laid out as ``ys``.

        Raises:
          ValueError: If ``ys`` have no time axis, or the flags do not fit.
        """
        flags = seq_lengths, mask
        values, valid = lay_out("AttentionPool", ys, *flags, time_major=time_major)
        hidden = jnp.tanh(add_bias(matmul(values, params.w), params.b))
        scores = matmul(hidden, params.v[:, None])[..., 0]
        weights = weigh(scores[..., None, :], valid)
        y = look(weights, values)[..., 0, :].astype(ys.dtype)
        return y, jnp.moveaxis(weights[..., 0, :], -1, 0 if time_major else 1)


__all__ = ["AttentionPool", "AttentionPoolParams"]
