"""Whether and how a step is taken apart."""

import math
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import jax

from recur._jaxpr.interpret import shape_of
from recur._jaxpr.linear_step import LinearStep, linear_step
from recur._jaxpr.partition import Product, StepPartition, partition_step
from recur._roll.chunked.emitted import EmittedRule
from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.traced_rule import TracedRule
from recur._roll.chunked.tuning import TRACED_DEPTH, TRACED_ROWS
from recur._roll.linear.costs import gains
from recur._roll.linear.matrix import MatrixRule
from recur._roll.roller import Roll
from recur._roll.steps import EmitCarry
from recur.types import PyTree

_RULES: dict[Any, Callable[..., StepRule | MatrixRule | None]] = {}


def register_rule(
    owner: Any, rule: Callable[..., StepRule | MatrixRule | None]
) -> None:
    """Tells the roll how a step is taken apart.

    A table says so and no attribute, of which a user's object may have one that means
    something else.

    Args:
      owner: A function, or a class of cells.
      rule: ``(params, carry) -> rule`` for a function, ``(cell, params, carry)`` for
        the ``step`` of a cell; ``None`` where they do not fit.
    """
    _RULES[owner] = rule


def resolve_rule(
    roll: Roll, *, where_it_pays: bool
) -> StepRule | LinearStep | MatrixRule | str:
    """Takes a step apart as its author says, or as its equations allow.

    Args:
      roll: Of the step.
      where_it_pays: Whether not to do what is possible but slower.

    Returns:
      The rule, or a step that is linear in its carry and needs none, or the reason why
      there is neither.
    """
    own = None if roll.series else _own(roll.step, roll.params, roll.carry)
    if own is not None:  # Refuses what does not fit.
        jax.eval_shape(roll.whole, roll.params, roll.carry, roll.x)
        return own
    if isinstance(roll.flat, str):
        return roll.flat
    linear = linear_step(roll.flat)
    if isinstance(linear, LinearStep):
        if where_it_pays and not gains(linear):
            return "a state is spread of so few entries, the plain scan is faster"
        return linear
    found = partition_step(roll.flat)
    if isinstance(found, str):
        return f"{found}; {linear}"
    if where_it_pays and not _pays(found):
        return "of so many rows the plain scan is faster"
    return TracedRule(found)


def _own(step: Any, params: PyTree, carry: PyTree) -> Any:
    if isinstance(step, EmitCarry):
        inner = _own(step.advance, params, carry)
        if inner is None or isinstance(inner, MatrixRule):
            return None
        return EmittedRule(inner)
    if isinstance(step, FunctionType):
        rule = _RULES.get(step)
        return None if rule is None else rule(params, carry)
    cell = step.__self__ if isinstance(step, MethodType) else None
    owner = next((c for c in type(cell).__mro__ if c in _RULES), None)
    if owner is None or step.__func__ is not owner.step:
        return None
    # A subclass that steps otherwise must not inherit the parent's rule.
    made_by = getattr(owner, "step_is_made_by", ())
    if any(getattr(type(cell), name) is not getattr(owner, name) for name in made_by):
        return None
    return _RULES[owner](cell, params, carry)


def _pays(found: StepPartition) -> bool:
    return all(
        _rows(p) <= min(TRACED_ROWS, _depth(p) // TRACED_DEPTH) for p in found.products
    )


def _depth(product: Product) -> int:
    axes = product.eqn.params["dimension_numbers"][0][product.weight]
    shape = shape_of(product.eqn.invars[product.weight])
    return math.prod(shape[axis] for axis in axes)


def _rows(product: Product) -> int:
    operand = 1 - product.weight
    axes = product.eqn.params["dimension_numbers"][0][operand]
    shape = shape_of(product.eqn.invars[operand])
    return math.prod(n for axis, n in enumerate(shape) if axis not in axes)
