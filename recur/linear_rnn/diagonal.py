"""Linear cells whose carry is complex, and each number of it multiplied by one."""

from dataclasses import dataclass
from typing import Any, ClassVar, Generic

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import scale
from recur._ops.wide import wide
from recur.cells.gated import Params
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.complex_pair import Complex, times
from recur.types import Array


@dataclass(frozen=True, kw_only=True)
class DiagonalCell(LinearCell[Params, Complex], Generic[Params]):
    r"""A state space whose transition is diagonal and complex, with a way around it.

    .. math::
        q_t = a \odot q_{t-1} + b(x_t), \qquad y_t = \mathrm{read}(q_t, x_t)

    The way around is :math:`d \odot x_t`, with the params ``d``: what comes in is as
    wide as what is put out.

    Args:
      hidden_size: ``H``, the size of the input and of the output.
      **options: Those of :class:`~recur.cells.base.Specification`. The params are drawn
        as in the paper: none of the three initialisers is used.

    Example:
      >>> from collections import namedtuple
      >>> class Turning(DiagonalCell):
      ...     params_type = namedtuple("TurningParams", ["d"])
      ...     shapes = {"d": "H"}
      ...     def elements(self, params, x):
      ...         quarter = Complex(jnp.zeros(3), jnp.ones(3))
      ...         return quarter, Complex(x, jnp.zeros_like(x))
      ...     def read(self, params, carry, x):
      ...         return carry.re + self.around(params, x)
      >>> cell = Turning(3)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> recur.unroll(cell, params, None, jnp.ones((4, 3)))[1][:, 0]
      Array([1., 1., 0., 0.], dtype=float32)
    """

    carry_type: ClassVar[Any] = Complex

    def init(self, key: Array, input_size: int) -> Params:
        """Draws the params for inputs ``[..., H]``."""
        where = f"{type(self).__name__}.init"
        checks.check_size(where, "input_size", input_size)
        checks.check_same_size(where, input_size, self.hidden_size)
        return super().init(key, input_size)

    def equations(
        self, params: Params, carry: Complex, x: Array
    ) -> tuple[Complex, Array]:
        """Those above."""
        a, b = self.elements(params, x)
        kept = times(a, carry)
        new = Complex(kept.re + b.re, kept.im + b.im)
        return new, self.read(params, new, x)

    def enter(self, x: Array, w: Array) -> Complex:
        """Multiplies by complex weights, ``re`` and ``im`` fused on the last axis."""
        return Complex(*jnp.split(self.product(x, w), 2, axis=-1))

    def leave(self, q: Complex, w: Array) -> Array:
        """The real part of ``q`` by complex weights, ``re`` above ``im``."""
        return self.product(jnp.concatenate([q.re, -q.im], axis=-1), w)

    def around(self, params: Any, x: Array) -> Array:
        """What does not go through the carry."""
        return scale(x.astype(wide(params.d.dtype)), params.d)

    def normal(self, key: Array, shape: tuple[int, ...], deviation: float) -> Array:
        """Draws from a normal distribution."""
        return deviation * jax.random.normal(key, shape, self.dtype)

    def _input_size(self, where: str, params: Params | None) -> int:
        return self.hidden_size


__all__ = ["DiagonalCell"]
