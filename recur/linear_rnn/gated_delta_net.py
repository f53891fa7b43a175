"""The delta rule with a decay: a memory that also forgets what no key asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.matmul import add_bias
from recur._ops.rms_norm import rms_norm
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.delta_net import DeltaRule
from recur.linear_rnn.matrix import check_gate, merge_heads
from recur.linear_rnn.selective import draw_step_bias
from recur.types import Array

STEPS = (1e-3, 1e-1)
"""Between which the first steps are drawn."""


@portable
class GatedDeltaNetParams(NamedTuple):
    """Weights of a gated DeltaNet, fused on the last axis as ``q, k, v``."""

    w_ih: Array  # [I, 3H]
    w_conv: Array  # [width, 3H]
    w_b: Array  # [I, heads]
    w_a: Array  # [I, heads], or [I, H]
    b_a: Array  # [heads], or [H]
    rate: Array  # [heads]
    w_gate: Array  # [I, H]
    gain: Array  # [V]
    w_ho: Array  # [H, H]


@dataclass(frozen=True, kw_only=True)
class GatedDeltaNet(DeltaRule[GatedDeltaNetParams]):
    r"""A :class:`~recur.linear_rnn.delta_net.DeltaNet` that decays before it writes.

    .. math::
        a &= \exp(-e^\rho \, \mathrm{softplus}(x_t W_a + b_a)), \qquad
            T = \mathrm{diag}(a) S_{t-1} \\
        S_t &= T + \beta k (v - T^\top k)^\top \\
        y_t &= (\mathrm{RMS}(q S_t / \sqrt{K}) \odot \mathrm{silu}(x_t W_g)) W_{ho}

    in each head, with the unit keys and the :math:`\beta` of a DeltaNet. A large
    :math:`x_t W_a + b_a` forgets. With ``gate="row"`` each key forgets at a rate of its
    own, as in Kimi Delta Attention.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Which divide ``H``.
      width: Inputs that are convolved, this one included.
      negative: Whether :math:`\beta` reaches up to 2, so that a step may reflect.
      eps: Added to each sum of squares, above 0.
      gate: ``"head"`` for a decay of each head, ``"row"`` for one of each key.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        and ``bias_init`` are not used.

    Raises:
      TypeError: If a size is not an integer.
      ValueError: If heads do not divide ``hidden_size``, ``gate`` is no such word, or
        ``eps`` is not above 0.

    Example:
      >>> cell = GatedDeltaNet(6, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.s.shape, y.shape
      ((5, 2, 3, 3), (5, 6))

    References:
      Yang, Kautz and Hatamizadeh, `Gated delta networks: improving Mamba2 with delta
      rule <https://arxiv.org/abs/2412.06464>`_, 2024; Kimi Team, `Kimi Linear
      <https://arxiv.org/abs/2510.26692>`_, 2025.
    """

    params_type = GatedDeltaNetParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 3H",
        "w_conv": "C 3H",
        "w_b": "I N",
        "w_a": "I A",
        "b_a": "A",
        "rate": "N",
        "w_gate": "I H",
        "gain": "V",
        "w_ho": "H H",
    }
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0}

    gate: str = "head"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_gate("GatedDeltaNet", self.gate)

    def sizes(self) -> dict[str, int]:
        """Of the decays too."""
        rows = self.hidden_size if self.gate == "row" else self.heads
        return super().sizes() | {"A": rows}

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        r"""Draws rates up to 16, and steps of 0.001 to 0.1, evenly by logarithm."""
        if name == "rate":
            return jnp.log(jax.random.uniform(key, shape, self.dtype, 1e-3, 16))
        if name == "b_a":
            return draw_step_bias(key, shape, STEPS, self.dtype)
        return super().initial(name, key, shape)

    def front(
        self, params: GatedDeltaNetParams, carry: tuple[Any, ...], x: Array
    ) -> tuple[tuple[Any, ...], RankOne]:
        """Looks up what is left after the decay, and erases at the key."""
        past, (q, k, v) = self.convolved(params, carry[0], x)
        beta = self.write(params.w_b, x)
        step = jax.nn.softplus(add_bias(self.product(x, params.w_a), params.b_a))
        (step,) = self.in_heads(step)
        rate = -jnp.exp(params.rate)[:, None].astype(step.dtype)
        decay = step * jnp.broadcast_to(rate, step.shape)
        look = jnp.exp(decay) * k
        return (past,), RankOne(decay, beta * k, v, q, beta * k, look)

    def read(self, params: GatedDeltaNetParams, found: Array, x: Array) -> Array:
        """Normalises each head, gates and multiplies."""
        gate = jax.nn.silu(self.product(x, params.w_gate))
        read = merge_heads(rms_norm(found, params.gain)) * gate
        return self.product(read, params.w_ho)


__all__ = ["GatedDeltaNet", "GatedDeltaNetParams"]
