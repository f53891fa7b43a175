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
from jax.extend import core

from recur.steps import step_of
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
    return _EmitNamed(step_of("emit_named", step))


@dataclass(frozen=True)
class _EmitNamed:
    """A value, so that equal ones share a compiled roll."""

    inner: Step

    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        named: dict[str, tuple[Array, ...]] = {}

        def see(name: str, value: Array) -> Array:
            named[name] = (*named.get(name, ()), value)
            return value

        carry, y = visit_named(self.inner, see, params, carry, x)
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
    values = _evaluate(jaxpr, visitor, jax.tree.leaves(args))
    return jax.tree.unflatten(jax.tree.structure(shapes), values)


def _evaluate(closed: Any, visitor: Callable, args: list[Any]) -> list[Any]:
    jaxpr = closed.jaxpr
    known = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(jaxpr.invars, args, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, core.Literal) else known[variable]

    for eqn in jaxpr.eqns:
        results = _evaluate_one(jaxpr, eqn, visitor, [read(v) for v in eqn.invars])
        known |= dict(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _evaluate_one(
    jaxpr: Any, eqn: Any, visitor: Callable, args: list[Any]
) -> list[Any]:
    if eqn.primitive.name == "name":
        name = eqn.params["name"]
        # Named again, for whoever looks at the result from outside.
        return [checkpoint_name(visitor(name, args[0]), name)]
    if eqn.primitive.name in ("jit", "pjit", "closed_call"):
        inner = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
        return _evaluate(inner, visitor, args)
    return _evaluate_alone(jaxpr, eqn, args)


def _evaluate_alone(jaxpr: Any, eqn: Any, args: list[Any]) -> list[Any]:
    # How a primitive is bound changes between versions; a jaxpr of one equation is run
    # the same way in all of them.
    pairs = zip(eqn.invars, args, strict=True)
    inputs = {v: a for v, a in pairs if not isinstance(v, core.Literal)}
    alone = jaxpr.replace(
        constvars=[], invars=list(inputs), outvars=eqn.outvars, eqns=[eqn]
    )
    return core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))(*inputs.values())


__all__ = ["emit_named"]
