"""Whether and how a step is taken apart."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from recur.fast.any_step import AnyStepParts
from recur.fast.dissection import Dissection, Product, dissect
from recur.fast.parts import Parts
from recur.jaxprs import traced
from recur.types import PyTree, Step

Implementation = Literal["auto", "chunked", "scan"]
IMPLEMENTATIONS = ("auto", "chunked", "scan")

CHUNK = 2**9
"""Rows of all steps of a chunk together. With more, what a chunk keeps leaves the cache
of a core; with less, adding to the gradients of the weights takes too long."""

ONWARD = 2**17
"""Entries of a carry, in all rows of all steps of a chunk of which nothing is kept. XLA
runs products of few entries on one core, and of too many the cache holds nothing."""

SHARES = 6
"""Chunks that a sequence is cut into at least, or halves of CHUNK, if it is longer than
one: what a chunk computes takes more memory than what is kept of as many steps."""

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


class ChunkSteps(NamedTuple):
    """How many steps are done at once, at most.

    Args:
      onward: Where nothing is kept for a derivative.
      back: Where the derivative is taken.
    """

    onward: int
    back: int


def chunk_steps(carry: PyTree, length: int) -> ChunkSteps:
    """Cuts a sequence by the size of its carry.

    Example:
      >>> chunk_steps(jnp.zeros((32, 256)), 1000)
      ChunkSteps(onward=16, back=16)
      >>> chunk_steps(jnp.zeros((32, 256)), 60)
      ChunkSteps(onward=16, back=10)
    """
    shapes = [jnp.shape(a) for a in jax.tree.leaves(carry)]
    rows = max([1, *(math.prod(shape[:-1]) for shape in shapes)])
    entries = max([1, *map(math.prod, shapes)])
    share = max(CHUNK // 2, rows * length // SHARES)
    back = CHUNK if rows * length <= CHUNK else min(CHUNK, share)
    onward = max(CHUNK, min(8 * CHUNK, ONWARD * rows // entries))
    return ChunkSteps(max(1, onward // rows), max(1, back // rows))


def even_steps(length: int, most: int) -> int:
    """How many at once, so that no shorter chunk is left over, if not far fewer do.

    A chunk left over is compiled apart, and all that is kept is copied to join it.

    Example:
      >>> even_steps(100, 16), even_steps(127, 16), even_steps(5, 16)
      (10, 16, 5)
    """
    most = min(most, length)
    even = (n for n in range(most, most // 2, -1) if length % n == 0)
    return next(even, most)


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
