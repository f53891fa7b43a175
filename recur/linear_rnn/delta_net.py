"""The delta rule: a memory that takes off what a key holds before it writes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.rms_norm import rms_norm
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.cells.gated import Params
from recur.linear_rnn.matrix import merge_heads
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.selective import draw_within
from recur.linear_rnn.short_conv import short_conv
from recur.types import Array


class DeltaNetCarry(NamedTuple):
    """The matrix of each head, and the inputs that are still convolved."""

    s: Array  # [..., heads, K, V]
    past: tuple[Array, ...]  # [..., 3H], the latest first


@portable
class DeltaNetParams(NamedTuple):
    """Weights of a DeltaNet, fused on the last axis as ``q, k, v``."""

    w_ih: Array  # [I, 3H]
    w_conv: Array  # [width, 3H]
    w_b: Array  # [I, heads]
    gain: Array  # [V]
    w_ho: Array  # [H, H]


@dataclass(frozen=True, kw_only=True)
class DeltaRule(MemoryCell[Params, DeltaNetCarry], Generic[Params]):
    r"""Queries, keys and values of a short convolution, for cells by the delta rule.

    A subclass has ``w_ih``, ``w_conv`` and ``w_ho`` among its params.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Which divide ``H``.
      width: Inputs that are convolved, this one included.
      negative: Whether :math:`\beta` reaches up to 2, so that a step may reflect.
      eps: Added to each sum of squares, above 0.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> DeltaNet(4, eps=1e-12).unit(jnp.array([3.0, 4.0])).round(3)
      Array([0.6, 0.8], dtype=float32)
    """

    carry_type = DeltaNetCarry

    width: int = 4
    negative: bool = False
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_size(type(self).__name__, "width", self.width)
        checks.check_positive(type(self).__name__, "eps", self.eps)

    def sizes(self) -> dict[str, int]:
        """Of the convolution too."""
        return super().sizes() | {"C": self.width}

    def carry_axes(self) -> Any:
        """One input less than are convolved."""
        return self.carry_type("N K V", ("3H",) * (self.width - 1))

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws the convolution as layers of one feature each do."""
        if name == "w_ho":  # Which is no weight over time.
            return self.kernel_init(key, shape, self.dtype)
        conv = name == "w_conv"
        return draw_within(key, shape, self.width, self.dtype) if conv else None

    def convolved(
        self, params: Any, past: tuple[Array, ...], x: Array
    ) -> tuple[tuple[Array, ...], tuple[Array, Array, Array]]:
        """Makes queries, keys and values in heads, the first two of them unit."""
        u = self.product(x, params.w_ih)
        c, past = short_conv(params.w_conv, None, past, u)
        q, k, v = self.in_heads(jax.nn.silu(c), 3)
        return past, (self.unit(q) * q.shape[-1] ** -0.5, self.unit(k), v)

    def write(self, w: Array, x: Array) -> Array:
        """Makes ``β`` of each head."""
        beta = jax.nn.sigmoid(self.product(x, w))[..., None]
        return 2 * beta if self.negative else beta

    def unit(self, a: Array) -> Array:
        """Divides by the root of the sum of squares."""
        square = jnp.sum(jnp.square(a), axis=-1, keepdims=True)
        return a * jax.lax.rsqrt(square + self.eps)


@dataclass(frozen=True, kw_only=True)
class DeltaNet(DeltaRule[DeltaNetParams]):
    r"""Linear attention with the delta rule.

    .. math::
        (q, k, v) &= \mathrm{silu}(\mathrm{conv}(x_t W_{ih})), \qquad
            q, k \to q / \|q\|, k / \|k\|, \qquad \beta = \sigma(x_t W_b) \\
        S_t &= S_{t-1} + \beta k (v - S_{t-1}^\top k)^\top \\
        y_t &= \mathrm{RMS}(q S_t / \sqrt{K}) W_{ho}

    in each head. Keys are made unit vectors, so that with :math:`\beta` below 2 nothing
    grows; what is written at a key takes the place of what was there.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Which divide ``H``.
      width: Inputs that are convolved, this one included.
      negative: Whether :math:`\beta` reaches up to 2, so that a step may reflect.
      eps: Added to each sum of squares, above 0.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If heads do not divide ``hidden_size``, or ``eps`` is not above 0.

    Example:
      >>> cell = DeltaNet(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.s.shape, y.shape
      ((5, 2, 3, 3), (5, 6))

    References:
      Yang et al., `Parallelizing linear transformers with the delta rule over sequence
      length <https://arxiv.org/abs/2406.06484>`_, 2024.
    """

    params_type = DeltaNetParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 3H",
        "w_conv": "C 3H",
        "w_b": "I N",
        "gain": "V",
        "w_ho": "H H",
    }
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0}

    def front(
        self, params: DeltaNetParams, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Makes unit keys, and erases at them as much as is written."""
        past, (q, k, v) = self.convolved(params, carry[0], x)
        beta = self.write(params.w_b, x)
        return (past,), RankOne(None, beta * k, v, q, beta * k, k)

    def read(self, params: DeltaNetParams, found: Array, x: Array) -> Array:
        """Normalises each head, and multiplies."""
        return self.product(merge_heads(rms_norm(found, params.gain)), params.w_ho)


__all__ = ["DeltaNet", "DeltaNetCarry", "DeltaNetParams", "DeltaRule"]
