"""The roll of a row without flags, traced once for all laws that look at it."""

from functools import cache, partial

import recur
from tests.support.draw import draw, with_gradients
from tests.support.interpreter import traced


def rolled(case, *args):
    """Values and gradients in float64, of ``draw(case)`` if no other arguments come."""
    run = _traced(case, recur.unroll.__kwdefaults__["implementation"])
    return run(*(args or draw(case)[1:]))


@cache
def _traced(case, implementation):
    cell, *args = draw(case)
    roll = partial(recur.unroll, cell, implementation=implementation)
    return traced(with_gradients(roll), *args)
