"""The minimal long short-term memory, whose gates do not see the carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._ops.matmul import add_bias
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.min_gru import above_zero
from recur.types import Array


@portable
class MinLSTMParams(NamedTuple):
    """Weights of a minimal LSTM, fused on the last axis as ``i, f, n``."""

    w_ih: Array  # [I, 3H]
    b: Array  # [3H]


@dataclass(frozen=True, kw_only=True)
class MinLSTM(LinearCell[MinLSTMParams, Array]):
    r"""A minimal LSTM, with gates that add up to one.

    .. math::
        i &= \sigma(x_t W_i + b_i), \qquad f = \sigma(x_t W_f + b_f) \\
        n &= g(x_t W_n + b_n) \\
        h_t &= \frac{f}{f + i} \odot h_{t-1} + \frac{i}{f + i} \odot n

    An open ``f`` keeps the old value, as far as ``i`` is not open too. Where both are
    shut their ratio still counts. With ``positive``, ``g`` is that of
    :class:`~recur.linear_rnn.MinGRU`, otherwise the identity; the carry is :math:`h`
    itself in both.

    Args:
      hidden_size: ``H``.
      positive: Whether the candidate is kept above zero.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Raises:
      TypeError: If ``positive`` is not a bool.

    Example:
      >>> cell = MinLSTM(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Feng et al., `Were RNNs all we needed? <https://arxiv.org/abs/2410.01201>`_, 2024.
    """

    params_type = MinLSTMParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 3H", "b": "3H"}

    positive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bools("MinLSTM", positive=self.positive)

    def elements(self, params: MinLSTMParams, x: Array) -> tuple[Array, Array]:
        """What is kept, and what is written."""
        u = add_bias(self.product(x, params.w_ih), params.b)
        i, f, n = jnp.split(u, 3, axis=-1)
        # The logarithm of i / f. It is finite where both are zero in float32.
        ratio = jax.nn.log_sigmoid(i) - jax.nn.log_sigmoid(f)
        n = above_zero(n) if self.positive else n
        return jax.nn.sigmoid(-ratio), jax.nn.sigmoid(ratio) * n


__all__ = ["MinLSTM", "MinLSTMParams"]
