"""The hierarchically gated recurrent network whose hidden values turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.layer_norm import layer_norm
from recur._ops.matmul import add_bias
from recur._ops.wide import widened
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.complex_pair import Complex, exp, scaled, times
from recur.linear_rnn.hgrn import check_lower_bound
from recur.types import Array


@portable
class ComplexHGRNParams(NamedTuple):
    """Weights of a complex HGRN, fused on the last axis as ``f, re c, im c, g, g``."""

    w_ih: Array  # [I, 5H]
    b: Array  # [5H]
    theta: Array  # [H], the angle that a value turns by
    gain: Array  # [2H]
    b_norm: Array  # [2H]
    w_ho: Array  # [2H, H]
    b_ho: Array  # [H]


@dataclass(frozen=True, kw_only=True)
class ComplexHGRN(LinearCell[ComplexHGRNParams, Complex]):
    r"""A hierarchically gated recurrent network in its complex form, one layer of it.

    .. math::
        f &= \gamma + (1 - \gamma) \, \sigma(x_t W_f + b_f) \\
        c &= \mathrm{silu}(x_t W_{re} + b_{re})
            + i \, \mathrm{silu}(x_t W_{im} + b_{im}) \\
        q_t &= f \odot e^{i \theta} \odot q_{t-1} + (1 - f) \odot c \\
        y_t &= ((\mathrm{LN}([\mathrm{Re} \, q_t, \mathrm{Im} \, q_t]; \alpha) + \beta)
            \odot \mathrm{silu}(x_t W_g + b_g)) \, W_o + b_o

    An open ``f`` keeps the old value, turned by a learned angle, and :math:`\gamma` is
    the least of it that is kept. It should be larger in each layer of a stack; in the
    paper these are learned, all from one table. The first angles fall from 1 to nearly
    0. :class:`~recur.linear_rnn.HGRN` is the form of its successors, without
    angles and biases. The carry is ``q``, as a pair of real arrays.

    Args:
      hidden_size: ``H``.
      lower_bound: ``γ``, from 0 to below 1.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws :math:`W_o` too, and ``recurrent_init`` is not used.

    Raises:
      TypeError: If ``lower_bound`` is no number.
      ValueError: If ``lower_bound`` is not from 0 to below 1.

    Example:
      >>> cell = ComplexHGRN(5, lower_bound=0.5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> carry.re.shape, y.shape
      ((2, 5), (2, 5))

    References:
      Qin, Yang and Zhong, `Hierarchically gated recurrent neural network for sequence
      modeling <https://arxiv.org/abs/2311.04823>`_, 2023.
    """

    params_type = ComplexHGRNParams
    carry_type = Complex
    shapes: ClassVar[Mapping[str, str]] = {
        "w_ih": "I 5H",
        "b": "5H",
        "theta": "H",
        "gain": "2H",
        "b_norm": "2H",
        "w_ho": "2H H",
        "b_ho": "H",
    }
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0, "b_norm": 0.0}

    lower_bound: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_lower_bound("ComplexHGRN", self.lower_bound)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what is read, which is no weight over time, and spreads the angles."""
        if name == "theta":
            share = jnp.arange(self.hidden_size, dtype="float32") / self.hidden_size
            return (10000.0 ** (-2 * share)).astype(self.dtype)
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def equations(
        self, params: ComplexHGRNParams, carry: Complex, x: Array
    ) -> tuple[Complex, Array]:
        """Those above."""
        fused = add_bias(self.product(x, params.w_ih), params.b)
        f, re, im, g = jnp.split(fused, [n * self.hidden_size for n in (1, 2, 3)], -1)
        # 1 - f, which f would round away where it is near one.
        written = (1 - self.lower_bound) * jax.nn.sigmoid(-f)
        theta = widened(params.theta)
        turned = times(exp(Complex(jnp.zeros_like(theta), theta)), carry)
        kept, c = scaled(turned, 1 - written), Complex(jax.nn.silu(re), jax.nn.silu(im))
        q = Complex(*(old + written * new for old, new in zip(kept, c, strict=True)))
        normal = layer_norm(jnp.concatenate(q, axis=-1), params.gain)
        read = add_bias(normal, params.b_norm) * jax.nn.silu(g)
        return q, add_bias(self.product(read, params.w_ho), params.b_ho)


__all__ = ["ComplexHGRN", "ComplexHGRNParams"]
