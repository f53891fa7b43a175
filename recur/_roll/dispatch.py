"""Whether and how a step is taken apart."""

import math
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Literal

import jax

from recur._jaxpr.interpret import traced
from recur._jaxpr.partition import Product, StepPartition, partition_step
from recur._roll.chunked.emitted import EmittedRule
from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.traced_rule import TracedRule
from recur._roll.steps import EmitCarry
from recur.types import PyTree, Step

Implementation = Literal["auto", "chunked", "scan"]
IMPLEMENTATIONS = ("auto", "chunked", "scan")

ROWS = 2**6
"""The most rows for which taking a foreign step apart was quicker than the plain scan,
which loses most of its time in writing gradients of weights at every step."""

DEPTH = 2
"""Entries that a product sums over, for each row, from which it was."""


_RULES: dict[Any, Callable[..., StepRule | None]] = {}


def register_rule(owner: Any, rule: Callable[..., StepRule | None]) -> None:
    """Tells the roll how a step is taken apart.

    A table says so and no attribute, of which a user's object may have one that means
    something else.

    Args:
      owner: A function, or a class of cells.
      rule: ``(params, carry) -> rule`` for a function, ``(cell, params, carry)`` for
        the ``step`` of a cell; ``None`` where they do not fit.
    """
    _RULES[owner] = rule


def check_implementation(where: str, implementation: Any) -> None:
    """Refuses a name that is not known."""
    if not isinstance(implementation, str) or implementation not in IMPLEMENTATIONS:
        raise ValueError(
            f"{where}: implementation is {implementation!r}; expected one of "
            f"{', '.join(map(repr, IMPLEMENTATIONS))}. Leave it out for the quickest."
        )


def resolve_rule(
    step: Step,
    whole: Step,
    params: PyTree,
    carry: PyTree,
    x: PyTree,
    *,
    where_it_pays: bool,
) -> tuple[StepRule | None, Step, str]:
    """Takes a step apart as its author says, or as its equations allow.

    Args:
      step: What the user gave.
      whole: The same with all checks, which takes ``x``.
      params: Its params.
      carry: Its carry.
      x: Shapes of one input.
      where_it_pays: Whether not to do what is possible but slower.

    Returns:
      The rule, or ``None`` where the plain scan is the better way or the only one;
      ``whole``, traced if it had to be; and why there is no rule, empty if there is.
    """
    own = _own(step, params, carry)
    if own is not None:
        jax.eval_shape(whole, params, carry, x)  # Refuses what does not fit.
        return own, whole, ""
    whole = traced(whole, params, carry, x)
    found = partition_step(whole, params, carry, x)
    if isinstance(found, str):
        return None, whole, found
    if where_it_pays and not _pays(found):
        return None, whole, "of so many rows the plain scan is faster"
    return TracedRule(found), whole, ""


def _own(step: Any, params: PyTree, carry: PyTree) -> StepRule | None:
    if isinstance(step, EmitCarry):
        inner = _own(step.advance, params, carry)
        return None if inner is None else EmittedRule(inner)
    if isinstance(step, FunctionType):
        rule = _RULES.get(step)
        return None if rule is None else rule(params, carry)
    cell = step.__self__ if isinstance(step, MethodType) else None
    owner = next((c for c in type(cell).__mro__ if c in _RULES), None)
    # A subclass that overrides `step` must not inherit the parent's rule.
    if owner is None or step.__func__ is not vars(owner)["step"]:
        return None
    return _RULES[owner](cell, params, carry)


def _pays(found: StepPartition) -> bool:
    return all(_rows(p) <= min(ROWS, _depth(p) // DEPTH) for p in found.products)


def _depth(product: Product) -> int:
    axes = product.eqn.params["dimension_numbers"][0][product.weight]
    shape = product.eqn.invars[product.weight].aval.shape
    return math.prod(shape[axis] for axis in axes)


def _rows(product: Product) -> int:
    operand = 1 - product.weight
    axes = product.eqn.params["dimension_numbers"][0][operand]
    shape = product.eqn.invars[operand].aval.shape
    return math.prod(n for axis, n in enumerate(shape) if axis not in axes)
