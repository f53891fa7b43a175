"""The exponential moving average: a leaky integrator with a rate of its own a unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax

from recur._ops.matmul import add_bias, scale
from recur._ops.wide import widened
from recur._portable import portable
from recur.linear_rnn.base import LinearCell
from recur.types import Array


@portable
class EMAParams(NamedTuple):
    """Weights of a moving average."""

    w_ih: Array  # [I, H]
    b: Array  # [H]
    retention: Array  # [H], the logit of what is kept of the old value


@dataclass(frozen=True, kw_only=True)
class EMA(LinearCell[EMAParams, Array]):
    r"""An exponential moving average of a projection of its input.

    .. math::
        a &= \sigma(p) \\
        h_t &= a \odot h_{t-1} + (1 - a) \odot (x_t W_{ih} + b)

    The same for all time: it forgets with a time constant of :math:`-1 / \ln a` steps,
    which is learned.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``recurrent_init``
        is not used.

    Example:
      >>> cell = EMA(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 3)))
      >>> y.shape
      (2, 5)

    References:
      Mozer, `Induction of multiscale temporal structure
      <https://proceedings.neurips.cc/paper/1991/hash/53fde96fcc4b4ce72d7739202324cd49-Abstract.html>`_,
      1991.
    """

    params_type = EMAParams
    shapes: ClassVar[Mapping[str, str]] = {"w_ih": "I H", "b": "H", "retention": "H"}

    def elements(self, params: EMAParams, x: Array) -> tuple[Array, Array]:
        """What is kept, and what comes in."""
        a = jax.nn.sigmoid(widened(params.retention))
        u = add_bias(self.product(x, params.w_ih), params.b)
        return a, scale(u, 1 - a)


__all__ = ["EMA", "EMAParams"]
