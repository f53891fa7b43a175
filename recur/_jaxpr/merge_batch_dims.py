"""Products of many steps with one weight, as the product of one matrix."""

from typing import Any

import jax
from jax.custom_batching import custom_vmap
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import run_alone
from recur._ops.matmul import merge_rows
from recur.types import Array


def merged_product(eqn: JaxprEqn, inputs: list[Array]) -> list[Array]:
    """Runs a ``dot_general`` that is about to be mapped over steps sharing a weight.

    Mapped by JAX alone it would have two axes of rows, time and batch, of which the
    gradient of the weight contracts both; XLA's CPU backend makes a transposed copy
    for that. Where it is ``x @ w``, the rows of all steps become one axis here.

    Args:
      eqn: The equation.
      inputs: Its operands.

    Returns:
      The product, alone in a list.
    """
    if not is_plain(eqn, *inputs):
        return run_alone(eqn, inputs)

    @custom_vmap
    def product(x: Array, w: Array) -> Array:
        return run_alone(eqn, [x, w])[0]

    @product.def_vmap
    def over_steps(_: int, mapped: list[bool], x: Array, w: Array) -> tuple[Any, bool]:
        if mapped == [True, False]:
            return _flat(eqn, x, w), True
        axes = [0 if m else None for m in mapped]
        return jax.vmap(lambda x, w: run_alone(eqn, [x, w])[0], axes)(x, w), True

    return [product(*inputs)]


def is_plain(eqn: JaxprEqn, x: Any, w: Any) -> bool:
    """Whether a ``dot_general`` is ``x @ w``, with any axes of rows."""
    (left, right), batch = eqn.params["dimension_numbers"]
    plain_axes = left == (x.ndim - 1,) and right == (0,) and batch == ((), ())
    return plain_axes and w.ndim == 2


def _flat(eqn: JaxprEqn, x: Array, w: Array) -> Array:
    out = multiply_like(eqn, merge_rows(x), w, 0)
    return out.reshape(*x.shape[:-1], w.shape[-1])


def multiply_like(eqn: JaxprEqn, x: Array, w: Array, axis: int) -> Array:
    """Sums over the last axis of ``x`` and one of ``w``, with an equation's options."""
    names = ("precision", "preferred_element_type")
    options = {name: eqn.params[name] for name in names}
    axes = (((x.ndim - 1,), (axis,)), ((), ()))
    return jax.lax.dot_general(x, w, axes, **options)
