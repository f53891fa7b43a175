"""Seeing and changing what a step computes inside, by the names it gives its values.

A step names a value with ``jax.ad_checkpoint.checkpoint_name``, which changes nothing
else. The functions here trace the step and run it again operation by operation, so
they need no second implementation, and work for cells made of cells and for the user's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import evaluate
from recur._roll.steps import StepTransform, step_of
from recur.types import Array, Cell, PyTree, Step


def emit_named(step: Step | Cell) -> Step:
    """Makes a step that also puts out the values it names: ``y`` is ``(y, named)``.

    The LSTM names ``input_gate``, ``forget_gate``, ``candidate``, ``output_gate`` and
    ``cell``; the GRU ``reset_gate``, ``update_gate`` and ``candidate``; the Elman unit
    ``hidden``.

    Args:
      step: Any step or cell.

    Returns:
      ``(params, carry, x) -> (carry, (y, named))``, where ``named`` maps each name to
      a tuple of the values of that name in the order of the computation, so that in a
      stack ``named["forget_gate"][0]`` belongs to the lowest layer that has one.

    Raises:
      TypeError: If ``step`` is neither function nor cell.

    Example:
      >>> cell = LSTM(4)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> xs = jnp.ones((7, 2, 3))
      >>> _, (ys, named) = unroll(emit_named(cell), params, cell.init_carry((2,)), xs)
      >>> named["forget_gate"][0].shape
      (7, 2, 4)
    """
    step_of("emit_named", step)
    return _EmitNamed(step)


@dataclass(frozen=True)
class _EmitNamed(StepTransform):
    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        named: dict[str, tuple[Array, ...]] = {}

        def see(name: str, value: Array) -> Array:
            named[name] = (*named.get(name, ()), value)
            return value

        carry, y = visit_named(self.advance, see, params, carry, x)
        return carry, (y, named)


def visit_named(
    function: Callable, visitor: Callable[[str, Array], Array], *args: Any
) -> Any:
    """Calls a function, passing each value it names through ``visitor``.

    Args:
      function: Any function that JAX can trace.
      visitor: ``(name, value) -> value``; what it returns is used from there on.
      *args: Arguments of the function.

    Returns:
      What the function returns.

    Example:
      >>> from jax.ad_checkpoint import checkpoint_name
      >>> function = lambda x: 10 * checkpoint_name(x + 1, "sum")
      >>> visit_named(function, lambda name, value: value + 1, jnp.float32(0))
      Array(20., dtype=float32)
    """
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*args)

    def visit(eqn: JaxprEqn, inputs: list[Array]) -> list[Any]:
        name = eqn.params["name"]
        # Named again, for whoever looks at the result from outside.
        return [checkpoint_name(visitor(name, inputs[0]), name)]

    values = evaluate(jaxpr, jax.tree.leaves(args), {"name": visit})
    return jax.tree.unflatten(jax.tree.structure(shapes), values)


__all__ = ["emit_named"]
