"""Sorting what a step computes by what it needs: params, its input, or the carry."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.extend.core import Jaxpr, JaxprEqn

from recur._jaxpr.flat_step import FlatStep
from recur._jaxpr.interpret import Atom, shape_of
from recur._jaxpr.levels import (
    CARRY,
    INPUT,
    PARAMS,
    Levels,
    highest,
    levels,
    needed,
    read_by,
    variables,
)
from recur._jaxpr.split_concat import split_concat
from recur._jaxpr.symbolic_zeros import has_tangent
from recur._jaxpr.weight_on_right import weight_on_right
from recur.types import Array

Users = dict[Atom, list[JaxprEqn]]
SUMS = {"add", "add_any", "sub"}
UNARY = {"reshape", "slice", "split", "squeeze", "transpose", "copy", "neg"}


@dataclass(frozen=True, eq=False)
class Product:
    """A product of a value that needs the carry with a weight, and what follows.

    Args:
      eqn: The product.
      weight: Which of its operands is the weight.
      chain: Sums and changes of shape that lead from it to the ``cut``.
      cut: What is known of the step once product and chain are: the pre-activations.
    """

    eqn: JaxprEqn
    weight: int
    chain: list[JaxprEqn]
    cut: Sequence[Atom]


@dataclass(frozen=True, eq=False)
class StepPartition:
    """The equations of a step, sorted; a variable is one of its jaxpr's."""

    of_params: list[JaxprEqn]
    of_input: list[JaxprEqn]
    in_loop: list[JaxprEqn]  # all that need the carry, without chains
    rest: list[JaxprEqn]  # those without products
    products: list[Product]
    fixed: Sequence[Atom]  # what the others need of params
    offered: Sequence[Atom]  # what the loop needs of the input
    consts: tuple[list[Atom], list[Array]]
    params: Sequence[Atom]
    carry: Sequence[Atom]
    x: Sequence[Atom]
    outputs: Sequence[Atom]
    structure: Any  # of (carry, y)


def partition_step(flat: FlatStep) -> StepPartition | str:
    """Sorts a step, or says why there is nothing to gain or to rely on.

    Example:
      >>> step = lambda w, h, x: (jnp.tanh(x + h @ w),) * 2
      >>> w, h = jnp.ones((2, 2)), jnp.ones((1, 2))
      >>> from recur._jaxpr.flat_step import flat_step
      >>> found = partition_step(flat_step(step, w, h, h))
      >>> [eqn.primitive.name for eqn in found.rest]
      ['tanh']
    """
    level_of = _leveller(flat, flat.closed.jaxpr)
    closed = weight_on_right(flat.closed, lambda v: level_of(v) == PARAMS)
    closed = split_concat(closed, _joining(_leveller(flat, closed.jaxpr)))
    jaxpr = closed.jaxpr
    eqns = needed(jaxpr.eqns, jaxpr.outvars)
    groups = flat.split(jaxpr.invars)
    level = levels(eqns, jaxpr.constvars, groups)
    users = _users(eqns)
    of_carry = [e for e in eqns if highest(level, e.outvars) == CARRY]
    products = [
        _follow(e, weight, users, level, set(variables(jaxpr.outvars)))
        for e in of_carry
        if (weight := _weight(e, level)) is not None
    ]
    chained = {id(e) for p in products for e in p.chain}
    for e in eqns:
        if _spreads(e, level) and _all_early(e, users, level, chained, jaxpr.outvars):
            level[e.outvars[0]] = INPUT
    marked = {id(p.eqn) for p in products}
    floating = all(map(_is_floating, jax.tree.leaves((flat.carry, flat.shapes))))
    if not products:
        return "it has no product of its carry with a weight"
    if not (groups[INPUT] and floating):
        return "it has no input, or values that are not floating-point"
    of_input = [e for e in eqns if highest(level, e.outvars) == INPUT]
    return StepPartition(
        of_params=[e for e in eqns if highest(level, e.outvars) == PARAMS],
        of_input=of_input,
        in_loop=[e for e in of_carry if id(e) not in chained],
        rest=[e for e in of_carry if id(e) not in chained | marked],
        products=products,
        fixed=_of_level(PARAMS, level, of_input + of_carry, jaxpr.outvars),
        offered=_of_level(INPUT, level, of_carry, jaxpr.outvars),
        consts=(jaxpr.constvars, closed.consts),
        params=groups[PARAMS],
        carry=groups[CARRY],
        x=groups[INPUT],
        outputs=jaxpr.outvars,
        structure=jax.tree.structure(flat.shapes),
    )


def _leveller(flat: FlatStep, jaxpr: Jaxpr) -> Callable[[Atom], int]:
    """Tells what a variable needs."""
    level = levels(jaxpr.eqns, jaxpr.constvars, flat.split(jaxpr.invars))
    return lambda v: highest(level, [v])


def _joining(
    level_of: Callable[[Atom], int],
) -> Callable[[JaxprEqn], bool]:
    """Tells which equations join an input with something of the carry."""

    def joins(eqn: JaxprEqn) -> bool:
        each = {level_of(v) for v in eqn.invars}
        return eqn.primitive.name == "concatenate" and {INPUT, CARRY} <= each

    return joins


def _users(eqns: list[JaxprEqn]) -> Users:
    users: Users = {}
    for eqn in eqns:
        for v in dict.fromkeys(variables(eqn.invars)):
            users.setdefault(v, []).append(eqn)
    return users


def _weight(eqn: JaxprEqn, level: Levels) -> int | None:
    if eqn.primitive.name != "dot_general" or eqn.params["dimension_numbers"][1][0]:
        return None
    if not all(has_tangent(v.aval) for v in (*eqn.invars, *eqn.outvars)):
        return None
    each = [highest(level, [v]) for v in eqn.invars]
    weights = [
        n for n in (0, 1) if each[n] == PARAMS and len(shape_of(eqn.invars[n])) > 1
    ]
    return weights[0] if len(weights) == 1 and CARRY in each else None


def _follow(
    eqn: JaxprEqn, weight: int, users: Users, level: Levels, outputs: set[Atom]
) -> Product:
    cut, chain = list(eqn.outvars), []

    def steps_on(v: Atom) -> list[JaxprEqn] | None:
        after = users.get(v, [])
        size = sum(math.prod(shape_of(o)) for e in after for o in e.outvars)
        fits = v not in outputs and size <= math.prod(shape_of(v))
        affine = all(_is_affine(e, v, level) for e in after)
        return after if after and fits and affine else None

    while (v := next((v for v in cut if steps_on(v)), None)) is not None:
        after = steps_on(v) or []
        chain += after
        cut.remove(v)
        cut += [o for e in after for o in e.outvars if o in users or o in outputs]
    return Product(eqn, weight, chain, cut)


def _is_affine(eqn: JaxprEqn, v: Atom, level: Levels) -> bool:
    name, others = eqn.primitive.name, [o for o in eqn.invars if o is not v]
    if name in UNARY:
        return True
    if name == "convert_element_type":
        return all(_is_floating(o.aval) for o in (v, *eqn.outvars))
    numbers = [o for o in others if isinstance(o, core.Literal)]
    if name == "mul":  # By a variable, its tangent would need the product itself.
        return len(others) == len(numbers) == 1
    return (
        name in SUMS
        and len(others) == 1
        and not numbers
        and highest(level, others) < CARRY
    )


def _spreads(eqn: JaxprEqn, level: Levels) -> bool:
    """Whether an equation repeats params, such as a bias for each row."""
    sizes = [math.prod(shape_of(v)) for v in (*eqn.invars[:1], *eqn.outvars)]
    larger = eqn.primitive.name == "broadcast_in_dim" and sizes[0] < sizes[-1]
    return larger and highest(level, eqn.outvars) == PARAMS


def _all_early(
    eqn: JaxprEqn,
    users: Users,
    level: Levels,
    chained: set[int],
    outputs: Sequence[Atom],
) -> bool:
    """Whether all that use it are done for many steps at once.

    Then it is too, for its gradient to be summed over steps and rows in one go.
    """
    (v,) = eqn.outvars
    return v not in outputs and all(
        id(e) in chained or highest(level, e.outvars) == INPUT for e in users[v]
    )


def _is_floating(a: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(a), jnp.floating)


def _of_level(
    wanted: int, level: Levels, eqns: list[JaxprEqn], outputs: Sequence[Atom]
) -> list[Any]:
    return [v for v in read_by(eqns, outputs) if level[v] == wanted]
