"""The mLSTM layer of xLSTM 7B: capped gates, a norm a head and projections."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias, scale
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.xlstm import MLSTMCarry, scaled, unscaled
from recur.types import Array

EPS = 1e-6
"""Added to the normaliser, and in the norm."""


@portable
class MLSTMLayerParams(NamedTuple):
    """Weights, fused on the last axis as ``q, k, v, o``, and the gates as ``i, f``."""

    w_ih: Array  # [I, 2D + 2E]
    w_gates: Array  # [I, 2 heads]
    b_gates: Array  # [2 heads]
    gain: Array  # [E]
    w_ho: Array  # [E, H]


@dataclass(frozen=True, kw_only=True)
class MLSTMLayer(MemoryCell[MLSTMLayerParams, MLSTMCarry]):
    r"""The matrix LSTM as a layer of xLSTM 7B.

    .. math::
        (q, k, v, o) &= x_t W_{ih}, \qquad k \to k / \sqrt{K}, \qquad
            (\tilde\imath, \tilde f) = c \tanh((x_t W_g + b_g) / c) \\
        C_t, n_t, m_t &= \mathrm{mLSTM}(C_{t-1}, n_{t-1}, m_{t-1};
            k, v, \tilde\imath, \tilde f) \\
        h_t &= \frac{q C_t}{\max(|q n_t|, e^{-m_t}) + \epsilon}, \qquad
            y_t = (\sigma(o) \odot \mathrm{LN}(h_t)) \, W_{ho}

    with :math:`\epsilon = 10^{-6}`, also in the norm, which is of each head. For
    ``mLSTM`` see :class:`~recur.linear_rnn.MLSTM`; the forget gate is a sigmoid. The
    carry is an ``MLSTMCarry``.

    Args:
      hidden_size: ``H``, the size of the output, in a network that of the model.
      heads: Which divide ``H``, ``D`` and ``E``.
      key_features: ``D``, of queries and keys of all heads; by default ``H / 2``.
      value_features: ``E``, of values; by default ``H``.
      cap: ``c``, which gates before the exponential stay within.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws the matrices, and ``recurrent_init`` is not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If heads do not divide the sizes, or ``cap`` is not above 0.

    Example:
      >>> cell = MLSTMLayer(8, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.s.shape, carry.m.shape, y.shape
      ((5, 2, 2, 5), (5, 2), (5, 8))

    References:
      Beck et al., `xLSTM 7B: a recurrent LLM for fast and efficient inference
      <https://arxiv.org/abs/2503.13427>`_, 2025.
    """

    params_type = MLSTMLayerParams
    carry_type = MLSTMCarry
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I F",
        "w_gates": "I 2N",
        "b_gates": "2N",
        "gain": "E",
        "w_ho": "E H",
    }
    constants: ClassVar[Mapping[str, float]] = {"w_gates": 0.0, "gain": 1.0}

    key_features: int | None = None
    value_features: int | None = None
    cap: float = 15.0

    def __post_init__(self) -> None:
        for name in ("key_features", "value_features"):
            if getattr(self, name) is not None:
                checks.check_size("MLSTMLayer", name, getattr(self, name))
        checks.check_positive("MLSTMLayer", "cap", self.cap)
        super().__post_init__()

    def split(self) -> dict[str, int]:
        """Keys and values too."""
        return {"key_features": self.key_size(), "value_features": self.value_size()}

    def key_size(self) -> int:
        """Half of the output, or as told."""
        return self.key_features or max(1, self.hidden_size // 2)

    def value_size(self) -> int:
        """That of the output, or as told."""
        return self.value_features or self.hidden_size

    def sizes(self) -> dict[str, int]:
        """With a column more, for the normaliser."""
        sizes, wide = super().sizes(), self.value_size()
        return sizes | {
            "V": sizes["V"] + 1,
            "E": wide,
            "F": 2 * (self.key_size() + wide),
        }

    def carry_axes(self) -> Any:
        """The exponent is one a head."""
        return self.carry_type("N K V", "N")

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Shuts the gates to write and opens those to forget, as the program does."""
        if name == "w_ho":
            return self.kernel_init(key, shape, self.dtype)
        if name != "b_gates":
            return None
        shut = jnp.full(self.heads, -10, self.dtype)
        return jnp.concatenate([shut, jnp.linspace(3, 6, self.heads, dtype=self.dtype)])

    def front(
        self, params: MLSTMLayerParams, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes queries, keys, values and gates, scaled as in an ``MLSTM``."""
        keys, wide = self.key_size(), self.value_size()
        ends = keys, 2 * keys, 2 * keys + wide
        fused = jnp.split(self.product(x, params.w_ih), ends, axis=-1)
        q, k, v, o = (self.in_heads(a)[0] for a in fused)
        gates = add_bias(self.product(x, params.w_gates), params.b_gates)
        i, f = jnp.split(self.cap * jnp.tanh(gates / self.cap), 2, axis=-1)
        m, done = scaled(carry[0], i, jax.nn.log_sigmoid(f), (q, k, v), o)
        return (m,), done

    def read(self, params: MLSTMLayerParams, found: Any, x: Array) -> Array:
        """Divides, normalises each head, opens the gate, and multiplies."""
        o, h = unscaled(*found, eps=EPS)
        normal = scale(merge_heads(layer_norm(h, eps=EPS)), params.gain)
        return self.product(merge_heads(o) * normal, params.w_ho)


__all__ = ["MLSTMLayer", "MLSTMLayerParams"]
