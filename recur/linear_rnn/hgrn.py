"""The hierarchically gated recurrent network: a forget gate with a lower bound."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from recur._arguments import check_number
from recur._ops.rms_norm import rms_norm
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.types import Array


@portable
class HGRNParams(NamedTuple):
    """Weights of an HGRN, fused on the last axis as ``f, c, g``."""

    w_ih: Array  # [I, 3H]
    gain: Array  # [H]
    w_ho: Array  # [H, H]


@dataclass(frozen=True, kw_only=True)
class HGRN(LinearCell[HGRNParams, Array]):
    r"""A hierarchically gated recurrent network, one layer of it.

    .. math::
        f &= \gamma + (1 - \gamma) \, \sigma(x_t W_f) \\
        h_t &= f \odot h_{t-1} + (1 - f) \odot \mathrm{silu}(x_t W_c) \\
        y_t &= (\mathrm{RMS}(h_t; \alpha) \odot \mathrm{silu}(x_t W_g)) \, W_o

    An open ``f`` keeps the old value, and :math:`\gamma` is the least of it that is
    kept. The hierarchy is among the layers of a stack: each has a larger
    ``lower_bound`` than the one below, and so a longer memory. In the paper these are
    learned, all from one table; here they are options. Its complex rotation is left
    out, as its successors do. The carry is ``h``, and ``y`` is put out.

    Args:
      hidden_size: ``H``.
      lower_bound: ``γ``, from 0 to below 1.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws :math:`W_o` too, ``recurrent_init`` and ``bias_init`` are not used.

    Raises:
      TypeError: If ``lower_bound`` is no number.
      ValueError: If ``lower_bound`` is not from 0 to below 1.

    Example:
      >>> cell = HGRN(5, lower_bound=0.5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Qin, Yang and Zhong, `Hierarchically gated recurrent neural network for sequence
      modeling <https://arxiv.org/abs/2311.04823>`_, 2023.
    """

    params_type = HGRNParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I 3H", "gain": "H", "w_ho": "H H"}
    constants: ClassVar[Mapping[str, float]] = {"gain": 1.0}

    lower_bound: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_lower_bound("HGRN", self.lower_bound)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws what is read, which is no weight over time."""
        return self.kernel_init(key, shape, self.dtype) if name == "w_ho" else None

    def equations(
        self, params: HGRNParams, carry: Array, x: Array
    ) -> tuple[Array, Array]:
        """Those above."""
        f, c, g = jnp.split(self.product(x, params.w_ih), 3, axis=-1)
        # 1 - f, which f would round away where it is near one.
        written = (1 - self.lower_bound) * jax.nn.sigmoid(-f)
        h = (1 - written) * carry + written * jax.nn.silu(c)
        read = rms_norm(h, params.gain) * jax.nn.silu(g)
        return h, self.product(read, params.w_ho)


def check_lower_bound(where: str, value: float) -> None:
    """Refuses what cannot be the least share of an old value that is kept.

    Example:
      >>> check_lower_bound("doc", 1.0)
      Traceback (most recent call last):
      ValueError: doc: lower_bound is 1.0; expected from 0 to below 1, the least ...
    """
    check_number(where, "lower_bound", value)
    if not 0 <= value < 1:
        raise ValueError(
            f"{where}: lower_bound is {value}; expected from 0 to below 1, the least "
            "of the old value that is kept."
        )


__all__ = ["HGRN", "HGRNParams"]
