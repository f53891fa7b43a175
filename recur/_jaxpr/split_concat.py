"""Products of joined operands, taken apart: ``[x, h] W = x W_1 + h W_2``."""

from collections.abc import Callable
from functools import reduce
from itertools import accumulate
from operator import add
from typing import Any

import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, JaxprEqn

from recur._jaxpr.interpret import retraced, run_alone
from recur._jaxpr.merge_batch_dims import is_plain, multiply_like
from recur.types import Array


def split_concat(closed: ClosedJaxpr, mixed: Callable[[Any], bool]) -> Any:
    """Traces a step anew, with a product for each part of a joined operand.

    What multiplies the input alone can then be done for many steps at once.

    Args:
      closed: The step, a flat closed jaxpr.
      mixed: Of an equation, whether it joins what should be apart.

    Returns:
      The closed jaxpr of the same function, to rounding.

    Example:
      >>> step = lambda x, h, w: jnp.concatenate([x, h], axis=1) @ w
      >>> x, h, w = (jnp.ones(s) for s in ((1, 2), (1, 3), (5, 4)))
      >>> apart = split_concat(jax.make_jaxpr(step)(x, h, w), lambda eqn: True)
      >>> [eqn.primitive.name for eqn in apart.eqns]
      ['concatenate', 'split', 'dot_general', 'dot_general', 'add']
    """
    if not any(map(mixed, closed.jaxpr.eqns)):
        return closed
    joined: list[tuple[Array, list[Array]]] = []

    def join(eqn: JaxprEqn, parts: list[Array]) -> list[Array]:
        (whole,) = run_alone(eqn, parts)
        if mixed(eqn) and eqn.params["dimension"] == whole.ndim - 1:
            joined.append((whole, parts))
        return [whole]

    def multiply(eqn: JaxprEqn, inputs: list[Array]) -> list[Array]:
        x, w = inputs
        parts = next((parts for whole, parts in joined if whole is x), None)
        if parts is None or not is_plain(eqn, x, w):
            return run_alone(eqn, inputs)
        bounds = list(accumulate(a.shape[-1] for a in parts))[:-1]
        pairs = zip(parts, jnp.split(w, bounds), strict=True)
        return [reduce(add, (multiply_like(eqn, a, rows, 0) for a, rows in pairs))]

    return retraced(closed, {"concatenate": join, "dot_general": multiply})
