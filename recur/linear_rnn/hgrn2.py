"""HGRN2: a gated network whose hidden value is a matrix in each head."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.rms_norm import rms_norm
from recur._portable import portable
from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.hgrn import check_lower_bound
from recur.linear_rnn.matrix import MatrixCell, merge_heads
from recur.types import Array


@portable
class HGRN2Params(NamedTuple):
    """Weights of an HGRN2, fused on the last axis as ``q, f, i``."""

    w_ih: Array  # [I, 3H]
    gain: Array  # [V]
    w_ho: Array  # [H, H]


@dataclass(frozen=True, kw_only=True)
class HGRN2(MatrixCell[HGRN2Params]):
    r"""A hierarchically gated network with a larger state, one layer of it.

    .. math::
        q &= \mathrm{silu}(x_t W_q), \qquad
            a = \gamma + (1 - \gamma) \, \sigma(x_t W_f) \\
        S_t &= \mathrm{diag}(a) S_{t-1} + (1 - a) (x_t W_i)^\top \\
        y_t &= \mathrm{RMS}(q S_t) W_{ho}

    in each head. What a row forgets is the key at which it is written to. An open
    :math:`a` keeps the old value, of which :math:`\gamma` is the least that is kept;
    it should be larger in each layer of a stack.

    Args:
      hidden_size: ``H``, of all heads together.
      heads: Which divide ``H``.
      lower_bound: ``γ``, from 0 to below 1.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        and ``bias_init`` are not used.

    Raises:
      TypeError: If a size is not an integer or ``lower_bound`` no number.
      ValueError: If heads do not divide ``hidden_size``, or ``lower_bound`` is not from
        0 to below 1.

    Example:
      >>> cell = HGRN2(6, heads=2, lower_bound=0.5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.shape, y.shape
      ((5, 2, 3, 3), (5, 6))

    References:
      Qin et al., `HGRN2: gated linear RNNs with state expansion
      <https://arxiv.org/abs/2404.07904>`_, 2024.
    """

    params_type = HGRN2Params
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 3H", "gain": "V", "w_ho": "H H"}
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0}

    lower_bound: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_lower_bound("HGRN2", self.lower_bound)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what is read, which is no weight over time."""
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def elements(self, params: HGRN2Params, x: Array) -> RankOne:
        """Writes where it forgets."""
        q, f, i = self.in_heads(self.product(x, params.w_ih), 3)
        k = (1 - self.lower_bound) * jax.nn.sigmoid(-f)
        # Without a bound 1 - k may round to zero, which has no logarithm.
        kept = jnp.log1p(-k) if self.lower_bound else jax.nn.log_sigmoid(f)
        return RankOne(kept, k, i, jax.nn.silu(q))

    def read(self, params: HGRN2Params, found: Array, x: Array) -> Array:
        """Normalises each head, and multiplies."""
        return self.product(merge_heads(rms_norm(found, params.gain)), params.w_ho)


__all__ = ["HGRN2", "HGRN2Params"]
