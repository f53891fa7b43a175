"""Whether and how a step is taken apart."""

import math
from collections.abc import Callable
from typing import Any, Literal

import jax

from recur.fast.any_step import AnyStepParts
from recur.fast.dissection import Dissection, Product, dissect
from recur.fast.parts import Parts
from recur.jaxprs import traced
from recur.types import PyTree, Step

Implementation = Literal["auto", "chunked", "scan"]
IMPLEMENTATIONS = ("auto", "chunked", "scan")

ROWS = 2**6
"""The most rows for which taking a foreign step apart was quicker than the plain scan,
which loses most of its time in writing gradients of weights at every step."""

DEPTH = 2
"""Entries that a product sums over, for each row, from which it was."""


def give_parts(step: Step, parts: Callable[[PyTree, PyTree], Parts | None]) -> None:
    """Tells the roll how a function is taken apart: ``parts(params, carry)``.

    A cell says it by a method of that name instead.
    """
    setattr(step, "parts", parts)  # noqa: B010 -- functions declare no attributes


def check_implementation(where: str, implementation: Any) -> None:
    """Refuses a name that is not known."""
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(
            f"{where}: implementation is {implementation!r}; expected one of "
            f"{', '.join(map(repr, IMPLEMENTATIONS))}. Leave it out for the quickest."
        )


def take_apart(
    step: Step,
    whole: Step,
    params: PyTree,
    carry: PyTree,
    x: PyTree,
    *,
    where_it_pays: bool,
) -> tuple[Parts | None, Step]:
    """Takes a step apart as its author says, or as its equations allow.

    Args:
      step: What the user gave.
      whole: The same with all checks, which takes ``x``.
      params: Its params.
      carry: Its carry.
      x: Shapes of one input.
      where_it_pays: Whether not to do what is possible but slower.

    Returns:
      The parts, or ``None`` where the plain scan is the better way or the only one;
      and ``whole``, traced if it had to be.
    """
    own = _own(step, params, carry)
    if own is not None:
        jax.eval_shape(whole, params, carry, x)  # Refuses what does not fit.
        return own, whole
    whole = traced(whole, params, carry, x)
    found = dissect(whole, params, carry, x)
    if found is None or (where_it_pays and not _pays(found)):
        return None, whole
    return AnyStepParts(found), whole


def _own(step: Any, params: PyTree, carry: PyTree) -> Parts | None:
    cell = getattr(step, "__self__", None)
    if getattr(step, "__name__", None) == "step" and hasattr(type(cell), "parts"):
        # Whoever overrides the step of a cell has another cell.
        order = [next(c for c in type(cell).__mro__ if n in vars(c)) for n in _NAMES]
        return cell.parts(params, carry) if issubclass(*order) else None  # pyright: ignore[reportOptionalMemberAccess]
    parts = getattr(step, "parts", None)
    return None if parts is None else parts(params, carry)


_NAMES = ("parts", "step")


def _pays(found: Dissection) -> bool:
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
