"""A linear cell told by what multiplies its carry, what is added, and what is read."""

from dataclasses import dataclass
from typing import Any, Generic

import jax
import jax.numpy as jnp

from recur._ops.matmul import scale
from recur.cells.gated import Carry, GatedCell, Params
from recur.types import Array


@dataclass(frozen=True, kw_only=True)
class LinearCell(GatedCell[Params, Carry], Generic[Params, Carry]):
    r"""A cell whose gates see its input only.

    .. math::
        s_t = a(x_t) \odot s_{t-1} + b(x_t), \qquad y_t = \mathrm{read}(s_t, x_t)

    A subclass declares its shapes as a :class:`~recur.cells.gated.GatedCell` does, and
    gives :meth:`elements` and, where the carry is not what is put out, :meth:`read`.
    The step is made of these two, and the roll finds them in it again: it computes
    :math:`a`, :math:`b` and :math:`y` for all steps at once.

    Args:
      hidden_size: ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> from collections import namedtuple
      >>> class Leaky(LinearCell):
      ...     params_type = namedtuple("LeakyParams", ["w_ih"])
      ...     shapes = {"w_ih": "I H"}
      ...     def elements(self, params, x):
      ...         return jnp.full(5, 0.9), self.product(x, params.w_ih)
      >>> cell = Leaky(5)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> print(explain(cell, params, None, jnp.ones((7, 2, 3))).rolls[0].form)
      a linear recurrence
    """

    def elements(self, params: Params, x: Array) -> tuple[Any, Any]:
        """Gives ``(a, b)``, each like the carry."""
        raise NotImplementedError

    def read(self, params: Params, carry: Carry, x: Array) -> Any:
        """Gives ``y`` of the new carry."""
        return carry

    def equations(self, params: Params, carry: Carry, x: Array) -> tuple[Carry, Array]:
        """Those above."""
        a, b = self.elements(params, x)
        new = jax.tree.map(_advance, carry, a, b)
        return new, self.read(params, new, x)


def _advance(carry: Array, a: Any, b: Any) -> Array:
    kept = scale(carry, a) if jnp.ndim(a) < carry.ndim else a * carry
    return kept + b


__all__ = ["LinearCell"]
