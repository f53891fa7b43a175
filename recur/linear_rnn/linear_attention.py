"""Linear attention as a recurrent network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.matrix import MatrixCell, merge_heads
from recur.types import Array


@portable
class LinearAttentionParams(NamedTuple):
    """Weights of linear attention, fused on the last axis as ``q, k, v``."""

    w_ih: Array  # [I, 3H]
    b: Array  # [3H]


@dataclass(frozen=True, kw_only=True)
class LinearAttention(MatrixCell[LinearAttentionParams]):
    r"""Attention without a softmax, which needs no more memory for a longer past.

    .. math::
        (q, k, v) &= x_t W_{ih} + b, \qquad \phi(u) = \mathrm{elu}(u) + 1 \\
        S_t &= S_{t-1} + \phi(k) v^\top, \qquad z_t = z_{t-1} + \phi(k) \\
        y_t &= \frac{\phi(q) S_t}{\phi(q) z_t + \epsilon}

    It never forgets: steps of the past may change places. The last column of the carry
    ``[..., heads, K, K + 1]`` is :math:`z`.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Each with ``K = H / heads``.
      eps: Added to the denominator, above 0.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Raises:
      ValueError: If heads do not divide ``hidden_size``, or ``eps`` is not above 0.

    Example:
      >>> cell = LinearAttention(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.shape, y.shape
      ((5, 2, 3, 4), (5, 6))

    References:
      Katharopoulos et al., `Transformers are RNNs
      <https://arxiv.org/abs/2006.16236>`_, 2020.
    """

    params_type = LinearAttentionParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 3H", "b": "3H"}

    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_positive("LinearAttention", "eps", self.eps)

    def sizes(self) -> dict[str, int]:
        """With a column more, for the normaliser."""
        sizes = super().sizes()
        return {**sizes, "V": sizes["V"] + 1}

    def elements(self, params: LinearAttentionParams, x: Array) -> RankOne:
        """Writes values, and ones beside them."""
        qkv = add_bias(self.product(x, params.w_ih), params.b)
        q, k, v = self.in_heads(qkv, 3)
        q, k = jax.nn.elu(q) + 1, jax.nn.elu(k) + 1
        one = jnp.ones_like(v[..., :1])
        return RankOne(None, k, jnp.concatenate([v, one], axis=-1), q)

    def read(self, params: LinearAttentionParams, found: Array, x: Array) -> Array:
        """Divides by the normaliser."""
        return merge_heads(found[..., :-1] / (found[..., -1:] + self.eps))


__all__ = ["LinearAttention", "LinearAttentionParams"]
