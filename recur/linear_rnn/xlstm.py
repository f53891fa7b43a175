"""The mLSTM of xLSTM: a matrix with exponential gates, scaled by their maximum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.matmul import add_bias
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.types import Array

FORGET = {"sigmoid": jax.nn.log_sigmoid, "exp": lambda u: u}


@portable
class MLSTMParams(NamedTuple):
    """Weights, fused on the last axis as ``q, k, v, o``, and the gates as ``i, f``."""

    w_ih: Array  # [I, 4H]
    b: Array  # [4H]
    w_gates: Array  # [I, 2 heads]
    b_gates: Array  # [2 heads]


@portable
class MLSTMCarry(NamedTuple):
    """The matrix with its normaliser, and the exponent both are divided by."""

    s: Array  # [..., heads, K, K + 1], the last column is n
    m: Array  # [..., heads]


@dataclass(frozen=True, kw_only=True)
class MLSTM(MemoryCell[MLSTMParams, MLSTMCarry]):
    r"""The matrix LSTM of xLSTM.

    .. math::
        (q, k, v, o) &= x_t W_{ih} + b, \qquad k \to k / \sqrt{K}, \qquad
            (\tilde\imath, \tilde f) = x_t W_g + b_g \\
        m_t &= \max(\log f + m_{t-1}, \tilde\imath), \qquad
            f = \sigma(\tilde f) \text{ or } e^{\tilde f} \\
        C_t &= f e^{m_{t-1} - m_t} C_{t-1} + e^{\tilde\imath - m_t} k v^\top, \qquad
            n_t = f e^{m_{t-1} - m_t} n_{t-1} + e^{\tilde\imath - m_t} k \\
        y_t &= \sigma(o) \odot \frac{q C_t}{\max(|q n_t|, e^{-m_t})}

    in each head. It is the cell of the paper alone, without the convolution, the norm
    and the projections that stand around it in its block. The multiplicative LSTM of
    2016, of the same short name, is another cell.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Each with ``K = H / heads``.
      forget: ``"sigmoid"`` or ``"exp"``, how :math:`f` is made.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Raises:
      ValueError: If heads do not divide ``hidden_size``, or ``forget`` is neither.

    Example:
      >>> cell = MLSTM(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.s.shape, carry.m.shape, y.shape
      ((5, 2, 3, 4), (5, 2), (5, 6))

    References:
      Beck et al., `xLSTM: extended long short-term memory
      <https://arxiv.org/abs/2405.04517>`_, 2024.
    """

    params_type = MLSTMParams
    carry_type = MLSTMCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 4H",
        "b": "4H",
        "w_gates": "I 2N",
        "b_gates": "2N",
    }
    constants: ClassVar[Mapping[str, float]] = {"w_gates": 0.0}

    forget: str = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.forget not in FORGET:
            raise ValueError(
                f"MLSTM: forget is {self.forget!r}; expected 'sigmoid' or 'exp'."
            )

    def sizes(self) -> dict[str, int]:
        """With a column more, for the normaliser."""
        sizes = super().sizes()
        return sizes | {"V": sizes["V"] + 1}

    def carry_axes(self) -> Any:
        """The exponent is one a head."""
        return self.carry_type("N K V", "N")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Opens the gates to forget, of each head another, as the paper's program."""
        if name != "b_gates":
            return None
        i = 0.1 * jax.random.normal(key, (self.heads,), self.dtype)
        return jnp.concatenate([i, jnp.linspace(3, 6, self.heads, dtype=self.dtype)])

    def front(
        self, params: MLSTMParams, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Scales what is kept and what is written by the larger of the two."""
        (before,) = carry
        fused = add_bias(self.product(x, params.w_ih), params.b)
        q, k, v, o = self.in_heads(fused, 4)
        gates = add_bias(self.product(x, params.w_gates), params.b_gates)
        i, f = jnp.split(gates, 2, axis=-1)
        m, done = scaled(before, i, FORGET[self.forget](f), (q, k, v), o)
        return (m,), done

    def read(self, params: MLSTMParams, found: Any, x: Array) -> Array:
        """Divides by the normaliser, or what it may not be below."""
        o, h = unscaled(*found)
        return merge_heads(o * h)


def scaled(
    before: Array, i: Array, log_f: Array, qkv: tuple[Array, Array, Array], o: Array
) -> tuple[Array, RankOne]:
    """Scales what is kept and what is written by the larger of the two.

    Gives the new exponent, and what is done with the matrix and its normaliser; the
    gate of the output and what the normaliser may not be below go on beside it.

    Example:
      >>> zero, one = jnp.zeros(1), jnp.ones((1, 1))
      >>> m, done = scaled(zero, zero + 2, zero, (one, one, 3 * one), 0 * one)
      >>> m, done.value
      (Array([2.], dtype=float32), Array([[3., 1.]], dtype=float32))
    """
    q, k, v = qkv
    kept = log_f + before
    m = jnp.maximum(kept, i)
    key = jnp.exp(i - m)[..., None] * k * k.shape[-1] ** -0.5
    value = jnp.concatenate([v, jnp.ones_like(v[..., :1])], axis=-1)
    aside = jnp.concatenate([jax.nn.sigmoid(o), jnp.exp(-m)[..., None]], axis=-1)
    return m, RankOne((kept - m)[..., None], key, value, q, aside=aside)


def unscaled(found: Array, aside: Array, eps: float = 0.0) -> tuple[Array, Array]:
    """Gives the gate of the output, and what was found over its normaliser.

    Example:
      >>> unscaled(jnp.array([6.0, -2.0]), jnp.array([0.5, 1.0]))
      (Array([0.5], dtype=float32), Array([3.], dtype=float32))
    """
    below = jnp.maximum(jnp.abs(found[..., -1:]), aside[..., -1:])
    return aside[..., :-1], found[..., :-1] / (below + eps)


__all__ = ["MLSTM", "MLSTMCarry", "MLSTMParams"]
