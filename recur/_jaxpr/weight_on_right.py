"""Products with a weight that stands left or lies on its side, written as ``x @ w``.

Such is ``W h``, mapped over rows. Turned once a roll, the weight multiplies quicker at
every step, and the rows of many steps can become one axis.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, JaxprEqn

from recur._jaxpr.interpret import retraced, run_alone
from recur._jaxpr.merge_batch_dims import is_plain, multiply_like
from recur.types import Array


def weight_on_right(closed: ClosedJaxpr, is_weight: Callable[[Any], bool]) -> Any:
    """Traces a step anew, with its weights on the right, their sum first.

    Args:
      closed: The step, a flat closed jaxpr.
      is_weight: Of a variable, whether it is the same for all steps.

    Returns:
      The closed jaxpr of the same function, to rounding.

    Example:
      >>> step = jax.vmap(lambda h, w: w @ h, (0, None))
      >>> jaxpr = jax.make_jaxpr(step)(jnp.ones((1, 2)), jnp.ones((3, 2)))
      >>> turned = weight_on_right(jaxpr, lambda v: v.aval.shape == (3, 2))
      >>> [eqn.primitive.name for eqn in turned.eqns]
      ['transpose', 'dot_general', 'transpose', 'transpose']
    """

    def multiply(eqn: JaxprEqn, inputs: list[Array]) -> list[Array]:
        sides = [
            n for n in (0, 1) if _fits(eqn, n, inputs) and is_weight(eqn.invars[n])
        ]
        if not sides or is_plain(eqn, *inputs):
            return run_alone(eqn, inputs)
        w, x = inputs[sides[0]], inputs[1 - sides[0]]
        (axis,) = eqn.params["dimension_numbers"][0][sides[0]]
        out = multiply_like(eqn, x, w if axis == 0 else w.T, 0)
        return [jnp.moveaxis(out, -1, 0) if sides[0] == 0 else out]

    return retraced(closed, {"dot_general": multiply})


def _fits(eqn: JaxprEqn, side: int, inputs: list[Array]) -> bool:
    """Whether this is a matrix, and the other sums over its last axis."""
    summed, (batch, _) = eqn.params["dimension_numbers"]
    last = (inputs[1 - side].ndim - 1,)
    return inputs[side].ndim == 2 and not batch and summed[1 - side] == last
