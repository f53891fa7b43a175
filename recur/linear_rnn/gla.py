"""Gated linear attention: a matrix whose rows forget, each at a rate of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import add_bias
from recur._ops.rms_norm import rms_norm
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.matrix import MatrixCell, check_gate, merge_heads
from recur.types import Array

_TEMPER = 16


@portable
class GLAParams(NamedTuple):
    """Weights of gated linear attention, ``q, k`` and ``v, g`` fused."""

    w_qk: Array  # [I, 2K], of all heads
    w_vg: Array  # [I, 2H]
    w_down: Array  # [I, rank]
    w_up: Array  # [rank, K], or [rank, heads]
    b: Array  # [K], or [heads]
    gain: Array  # [V]
    w_ho: Array  # [H, H]


@dataclass(frozen=True, kw_only=True)
class GLA(MatrixCell[GLAParams]):
    r"""Gated linear attention.

    .. math::
        (q, k) &= x_t W_{qk}, \qquad (v, g) = x_t W_{vg}, \qquad
            a = \sigma(x_t W_\downarrow W_\uparrow + b)^{1/16} \\
        S_t &= \mathrm{diag}(a) S_{t-1} + k v^\top \\
        y_t &= (\mathrm{RMS}(q S_t / \sqrt{K}) \odot \mathrm{silu}(g)) W_{ho}

    in each head. An open :math:`a` keeps the old value; the root makes that the
    beginning. The carry is ``S [..., heads, K, V]``, with keys half as wide as values.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Which divide the size of keys, ``H // 2``, and of values, ``H``.
      gate: ``"row"`` for a gate of each key, ``"head"`` for one of each head.
      rank: Of the weights of the gates.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If heads do not divide the sizes, or ``gate`` is no such word.

    Example:
      >>> cell = GLA(8, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.shape, y.shape
      ((5, 2, 2, 4), (5, 8))

    References:
      Yang et al., `Gated linear attention transformers with hardware-efficient training
      <https://arxiv.org/abs/2312.06635>`_, 2023.
    """

    params_type = GLAParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_qk": "I 2D",
        "w_vg": "I 2H",
        "w_down": "I R",
        "w_up": "R A",
        "b": "A",
        "gain": "V",
        "w_ho": "H H",
    }
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0}

    gate: str = "row"
    rank: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        check_gate("GLA", self.gate)
        checks.check_size("GLA", "rank", self.rank)

    def split(self) -> dict[str, int]:
        """Keys too."""
        return {"hidden_size // 2": self.key_size()}

    def key_size(self) -> int:
        """Half of values."""
        return max(1, self.hidden_size // 2)

    def sizes(self) -> dict[str, int]:
        """Of keys ``D``, gates ``A`` and their rank ``R`` too."""
        keys = self.key_size()
        gates = keys if self.gate == "row" else self.heads
        return super().sizes() | {"D": keys, "A": gates, "R": self.rank}

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what is no weight over time."""
        other = name in ("w_up", "w_ho")
        return self.kernel_init(key, shape, self.dtype) if other else None

    def elements(self, params: GLAParams, x: Array) -> RankOne:
        """Decays, and writes."""
        q, k = self.in_heads(self.product(x, params.w_qk), 2)
        v, _ = self.in_heads(self.product(x, params.w_vg), 2)
        gate = self.product(self.product(x, params.w_down), params.w_up)
        (gate,) = self.in_heads(jax.nn.log_sigmoid(add_bias(gate, params.b)))
        return RankOne(gate / _TEMPER, k, v, q * q.shape[-1] ** -0.5)

    def read(self, params: GLAParams, found: Array, x: Array) -> Array:
        """Normalises each head, gates and multiplies."""
        g = self.product(x, jnp.split(params.w_vg, 2, axis=-1)[1])
        read = merge_heads(rms_norm(found, params.gain)) * jax.nn.silu(g)
        return self.product(read, params.w_ho)


__all__ = ["GLA", "GLAParams"]
