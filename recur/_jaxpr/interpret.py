"""Running a traced function operation by operation, by JAX's public interface."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax
from jax.extend import core
from jax.extend.core import ClosedJaxpr, JaxprEqn

from recur.types import Array

Atom = core.Var | core.Literal
"""A variable of a jaxpr, or a number in its place."""

Values = dict[Atom, Any]
"""What is known of variables, by variable."""

Rule = Callable[[JaxprEqn, list[Any]], list[Any]]
"""``(equation, inputs) -> outputs``: what to do instead of an operation."""

NESTED = ("jit", "pjit", "closed_call", "core_call")


def shape_of(variable: Atom) -> tuple[int, ...]:
    """Tells the shape of what a variable stands for."""
    aval: Any = variable.aval  # Of arrays only, which a type does not say.
    return aval.shape


def dtype_of(variable: Atom) -> Any:
    """Tells its dtype."""
    aval: Any = variable.aval
    return aval.dtype


def evaluate(
    closed: ClosedJaxpr, args: Sequence[Array], rules: Mapping[str, Rule]
) -> list[Any]:
    """Runs a closed jaxpr with its nested jits laid open.

    Args:
      closed: What ``jax.make_jaxpr`` gives.
      args: Its inputs, flat.
      rules: By name of a primitive, what is done in its place.

    Returns:
      Its outputs, flat.
    """
    jaxpr = closed.jaxpr
    known = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(jaxpr.invars, args, strict=True))
    run(jaxpr.eqns, known, rules)
    return [read(known, v) for v in jaxpr.outvars]


def run(
    eqns: list[JaxprEqn], known: Values, rules: Mapping[str, Rule] | None = None
) -> None:
    """Runs equations one after the other, and adds their results to ``known``."""
    for eqn in eqns:
        results = _run_one(eqn, [read(known, v) for v in eqn.invars], rules or {})
        known |= dict(zip(eqn.outvars, results, strict=True))


def read(known: Mapping[Atom, Array], variable: Atom) -> Any:
    """Looks a variable up; a literal is its own value."""
    return variable.val if isinstance(variable, core.Literal) else known[variable]


def inlined(function: Callable, *args: Any) -> tuple[Any, Any]:
    """Traces a function into one flat jaxpr, without names and nested jits.

    Returns:
      The closed jaxpr, and the structure of the result with shapes and dtypes.

    Example:
      >>> closed, _ = inlined(lambda x: jax.jit(jnp.sin)(x) + 1, 2.0)
      >>> [eqn.primitive.name for eqn in closed.jaxpr.eqns]
      ['sin', 'add']
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    return retraced(closed, {"name": lambda eqn, inputs: inputs}), shapes


def retraced(closed: ClosedJaxpr, rules: Mapping[str, Rule]) -> Any:
    """Traces what a closed jaxpr computes once more, by these rules and laid open."""
    flat = jax.make_jaxpr(lambda *leaves: evaluate(closed, list(leaves), rules))
    return flat(*closed.in_avals)


def traced(function: Callable, *args: Any) -> Callable:
    """Traces a function, for good: whoever calls the result does not trace it again.

    Example:
      >>> calls = []
      >>> once = traced(lambda x: calls.append("traced") or (x, x + 1), 1.0)
      >>> float(once(2.0)[1]), float(once(3.0)[1]), calls
      (3.0, 4.0, ['traced'])
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    structure = jax.tree.structure(shapes)

    def call(*args: Any) -> Any:
        values = core.jaxpr_as_fun(closed)(*jax.tree.leaves(args))
        return structure.unflatten(values)

    return call


def _run_one(eqn: JaxprEqn, args: list[Array], rules: Mapping[str, Rule]) -> list[Any]:
    name = eqn.primitive.name
    if name in rules:
        return rules[name](eqn, args)
    if name in NESTED:
        inner = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
        return evaluate(inner, args, rules)
    return run_alone(eqn, args)


def run_alone(eqn: JaxprEqn, args: list[Any]) -> list[Any]:
    """Runs one equation on the inputs given."""
    # How a primitive is bound changes between versions; a jaxpr of one equation is run
    # the same way in all of them.
    pairs = zip(eqn.invars, args, strict=True)
    inputs = {v: a for v, a in pairs if not isinstance(v, core.Literal)}
    alone = _nothing().replace(invars=list(inputs), outvars=eqn.outvars, eqns=[eqn])
    return core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))(*inputs.values())


@cache
def _nothing() -> Any:
    return jax.make_jaxpr(lambda: ())().jaxpr
