"""Retention: linear attention that forgets at fixed rates and knows how long ago."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur._ops.rms_norm import rms_norm
from recur._ops.wide import widened
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.initializers import init_gates
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.types import Array


class RetentionCarry(NamedTuple):
    """The matrix of each head, and a clock."""

    s: Array  # [..., heads, K, 2K]
    t: Array  # [..., 1], in float32 or wider


@portable
class RetentionParams(NamedTuple):
    """Weights of retention, fused on the last axis as ``q, k, v, v, g, g``."""

    w_ih: Array  # [I, 6H]
    w_ho: Array  # [2H, H]


@dataclass(frozen=True, kw_only=True)
class Retention(MemoryCell[RetentionParams, RetentionCarry]):
    r"""Multi-scale retention, of a RetNet.

    .. math::
        (q, k, v, g) &= x_t W_{ih}, \qquad q, k \to R^t q, R^t k \\
        S_t &= \gamma_n S_{t-1} + k v^\top, \qquad \gamma_n = 1 - 2^{-5-n} \\
        y_t &= (\mathrm{RMS}(q S_t / \sqrt{K}) \odot \mathrm{silu}(g)) W_{ho}

    in each head :math:`n = 0, 1, \dots`. :math:`R` turns pairs of entries, those of the
    first half with those of the second, by angles from 1 to 0.0001: what is found
    depends on how long ago it was written, and on no absolute time. The carry has a
    clock, which counts valid steps in float32 or wider.

    Args:
      hidden_size: ``H``, of all heads together; values are twice as wide.
      heads: With an even share of ``H`` each.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        and ``bias_init`` are not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If ``hidden_size`` is no even multiple of ``heads``.

    Example:
      >>> cell = Retention(4, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.s.shape, float(carry.t[0, 0]), y.shape
      ((5, 2, 2, 4), 1.0, (5, 4))

    References:
      Sun et al., `Retentive network: a successor to Transformer for large language
      models <https://arxiv.org/abs/2307.08621>`_, 2023.
    """

    params_type = RetentionParams
    carry_type = RetentionCarry
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 6H", "w_ho": "2H H"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden_size % (2 * self.heads):
            raise ValueError(
                f"Retention: hidden_size is {self.hidden_size} and heads {self.heads}; "
                "expected an even share for each. Entries are turned in pairs."
            )

    def value_size(self) -> int:
        """Twice that of keys."""
        return 2 * self.hidden_size

    def sizes(self) -> dict[str, int]:
        """Of the clock too."""
        return super().sizes() | {"T": 1}

    def carry_axes(self) -> Any:
        """``S`` and the clock."""
        return self.carry_type("N K V", "T")

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: RetentionParams | None = None,
    ) -> Any:
        """Makes the zero carry, with leading axes such as ``(32,)``."""
        carry: Any = super().init_carry(batch_shape, params=params)
        return carry._replace(t=widened(carry.t))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws smaller weights than usual, as the paper does."""
        if name == "w_ho":
            return self.kernel_init(key, shape, self.dtype) / 2
        gate = shape[0], self.hidden_size
        w = init_gates(self.kernel_init, key, gate, 6, self.dtype)
        return w * 2**-2.5

    def front(
        self, params: RetentionParams, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Turns by the clock, and advances it."""
        (t,) = carry
        size = self.hidden_size
        w_qk, w_v = params.w_ih[:, : 2 * size], params.w_ih[:, 2 * size : 4 * size]
        q, k = self.in_heads(self.product(x, w_qk), 2)
        (v,) = self.in_heads(self.product(x, w_v))
        half = q.shape[-1] // 2
        angles = np.asarray(10000.0 ** -np.linspace(0, 1, half), t.dtype)
        turn = t[..., None] * jnp.broadcast_to(angles, (*t.shape, half))
        cos, sin = (a.astype(q.dtype) for a in (jnp.cos(turn), jnp.sin(turn)))
        q, k = _turned(q, cos, sin), _turned(k, cos, sin)
        kept = np.log1p(-(2.0 ** (-5 - np.arange(self.heads))))[:, None]
        kept = jnp.broadcast_to(jnp.asarray(kept, k.dtype), (*k.shape[:-1], 1))
        return (t + 1,), RankOne(kept, k, v, q * q.shape[-1] ** -0.5)

    def read(self, params: RetentionParams, found: Array, x: Array) -> Array:
        """Normalises each head, gates and multiplies."""
        gate = jax.nn.silu(self.product(x, params.w_ih[:, 4 * self.hidden_size :]))
        return self.product(merge_heads(rms_norm(found)) * gate, params.w_ho)


def _turned(a: Array, cos: Array, sin: Array) -> Array:
    """Turns pairs ``[..., heads, K]`` by ``[..., 1, K / 2]``."""
    first, second = jnp.split(a, 2, axis=-1)
    parts = first * cos - second * sin, first * sin + second * cos
    return jnp.concatenate(parts, axis=-1)


__all__ = ["Retention", "RetentionCarry", "RetentionParams"]
