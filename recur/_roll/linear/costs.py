"""What a linear step makes for all steps at once, and whether that is worth it."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import Atom, dtype_of, shape_of
from recur._jaxpr.linear_step import LinearStep
from recur._roll.chunked.tuning import SPREAD

PRODUCTS = frozenset({"conv_general_dilated", "dot_general"})

SLOW = frozenset({
    "cbrt", "cos", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "log", "log1p",
    "logistic", "pow", "sin", "tan", "tanh",
})  # fmt: skip
"""Operations that take many times as long as it takes to write what they give."""


def entries_made(step: LinearStep) -> int:
    """Counts the entries of products with inputs, and of coefficients.

    Example:
      >>> from recur._jaxpr.flat_step import flat_step
      >>> from recur._jaxpr.linear_step import linear_step
      >>> step = lambda w, h, x: (jnp.tanh(x) * h + x @ w,) * 2
      >>> w, h = jnp.ones((2, 2)), jnp.ones((1, 2))
      >>> entries_made(linear_step(flat_step(step, w, h, h)))
      6
    """
    return _entries(_products(step)) + _entries(_coefficients(step))


def is_spread(step: LinearStep) -> bool:
    """Whether coefficients take longer to write and read than to make in a loop.

    As where there are no products, or where entries are spread over a state.
    """
    return _entries(_coefficients(step)) > SPREAD * _entries(_products(step))


def gains(step: LinearStep) -> bool:
    """Whether a gradient takes less time by a recurrence than by the plain scan.

    Not where a few entries are spread over a leaf by sums and products alone, as by an
    outer product: to write a state for all steps is then most of the work, and is done
    more often. Measured on a CPU: 0.6 to 0.9 of the plain scan's pace, in 0.5 to 1.3 of
    its memory. Coupled leaves and complex numbers make more of each entry.
    """
    moving = _coefficients(step, moving=True)
    wide = max((_entries([v]) for v in moving), default=0)
    slow = (e.outvars for e in _at_once(step) if e.primitive.name in SLOW)
    return (
        wide <= SPREAD * _entries([*_products(step), *step.x])
        or any(one != other for s in step.stages for one, other in s.pairs)
        or any(jnp.issubdtype(dtype_of(v), jnp.complexfloating) for v in moving)
        or any(_entries(made) >= wide for made in slow)
    )


def _coefficients(step: LinearStep, *, moving: bool = False) -> list[Atom]:
    """Lists all, or those that are not the same for all steps."""
    every = [
        pair
        for s in step.stages
        for pair in zip(s.coefficients.jaxpr.outvars, s.constant, strict=True)
    ]
    return [v for v, constant in every if not (moving and constant)]


def _products(step: LinearStep) -> list[Atom]:
    early = (e for s in step.stages for e in s.early)
    eqns = [*step.of_input, *early]
    return [e.outvars[0] for e in eqns if e.primitive.name in PRODUCTS]


def _at_once(step: LinearStep) -> list[JaxprEqn]:
    stages = [(*s.early, *s.coefficients.jaxpr.eqns) for s in step.stages]
    return [*step.of_input, *(e for stage in stages for e in stage)]


def _entries(variables: Sequence[Atom]) -> int:
    return sum(math.prod(shape_of(v)) for v in variables)
