"""A step as one flat jaxpr, for those who take it apart by its equations."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from jax.extend.core import ClosedJaxpr

from recur._jaxpr.interpret import Atom, inlined
from recur._jaxpr.levels import split_invars
from recur._jaxpr.separable import is_separable
from recur.types import PyTree, Step


class FlatStep(NamedTuple):
    """What is known of a step once it was traced.

    Args:
      closed: Its equations, without names and nested jits.
      shapes: Of ``(carry, y)``.
      params: Those it was traced for.
      carry: The same.
    """

    closed: ClosedJaxpr
    shapes: Any
    params: PyTree
    carry: PyTree

    def split(self, invars: Sequence[Atom]) -> dict[int, Sequence[Atom]]:
        """Tells which inputs, of this or of a rewritten jaxpr, are which."""
        return split_invars(invars, self.params, self.carry)


def flat_step(step: Step, params: PyTree, carry: PyTree, x: PyTree) -> FlatStep | str:
    """Lays a step open, or says why many steps may not do at once what it does.

    Example:
      >>> h = jnp.ones(2)
      >>> len(flat_step(lambda w, h, x: (h + x, h), None, h, h).closed.jaxpr.eqns)
      1
    """
    closed, shapes = inlined(step, params, carry, x)
    if not is_separable(closed):
        return "it has an operation that many steps may not do at once"
    return FlatStep(closed, shapes, params, carry)
