"""The minimal gated recurrent unit, whose gate does not see the carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.types import Array


@portable
class MinGRUParams(NamedTuple):
    """Weights of a minimal GRU, fused on the last axis as ``z, n``."""

    w_ih: Array  # [I, 2H]
    b: Array  # [2H]


@dataclass(frozen=True, kw_only=True)
class MinGRU(LinearCell[MinGRUParams, Array]):
    r"""A minimal GRU.

    .. math::
        z &= \sigma(x_t W_z + b_z) \\
        n &= g(x_t W_n + b_n) \\
        h_t &= (1 - z) \odot h_{t-1} + z \odot n

    An open ``z`` writes the new value, as in the paper, and unlike
    :func:`recur.gru_step`. With ``positive`` the candidate is kept above zero by
    :math:`g(u) = u + 1/2` where :math:`u \ge 0`, else :math:`\sigma(u)`, as the paper's
    form in logarithms has it; otherwise :math:`g` is the identity. The carry is
    :math:`h` itself in both, and starts at zero: public listings of that form pass it
    through :math:`g` once more, and start at one half.

    Args:
      hidden_size: ``H``.
      positive: Whether the candidate is kept above zero.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Example:
      >>> cell = MinGRU(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Feng et al., `Were RNNs all we needed? <https://arxiv.org/abs/2410.01201>`_, 2024.
    """

    params_type = MinGRUParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 2H", "b": "2H"}

    positive: bool = False

    def elements(self, params: MinGRUParams, x: Array) -> tuple[Array, Array]:
        """What is kept, and what is written."""
        z, n = jnp.split(add_bias(self.product(x, params.w_ih), params.b), 2, axis=-1)
        z = jax.nn.sigmoid(z)
        return 1 - z, z * (above_zero(n) if self.positive else n)


def above_zero(u: Array) -> Array:
    """Continuous and rising, and always above zero."""
    return jnp.where(u >= 0, u + 0.5, jax.nn.sigmoid(u))


__all__ = ["MinGRU", "MinGRUParams"]
