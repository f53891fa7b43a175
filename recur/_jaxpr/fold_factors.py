r"""Linear arithmetic entry by entry, with one factor where it had a chain of them.

.. math::
    y = \bigl((\dot x \odot a) \odot b + \dot x\bigr) \odot c
      = \dot x \odot (a \odot b + 1) \odot c

A factor is what a chunk holds of a step for its loop, and what the loop reads.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax.extend import core
from jax.extend.core import ClosedJaxpr, JaxprEqn

from recur._jaxpr.interpret import Atom, inlined, read, run_alone
from recur.types import Array, PyTree

Terms = dict[int, Any]
"""A sum of values, by their number, each times its factor; ``None`` stands for one."""


def fold_factors(linear: Callable, *like: PyTree) -> Callable:
    """Gives a linear function with its chains of factors multiplied out.

    Args:
      linear: What it does besides sums and products entry by entry is left as it is.
      *like: Arguments of the shapes that it is for.

    Returns:
      The function, a pytree of its factors.

    Example:
      >>> a, b = jax.numpy.arange(2.0, 4.0)
      >>> twice = fold_factors(lambda x: (x * a * b, x * a + x), jax.numpy.float32(0))
      >>> [float(factor) for factor in jax.tree.leaves(twice)]
      [6.0, 3.0]
    """
    closed, shapes = inlined(linear, *like)
    folding = _Folding(closed)
    for eqn in closed.jaxpr.eqns:
        folding.fold(eqn)
    outputs = [folding.output(v) for v in closed.jaxpr.outvars]
    structure = jax.tree.structure(shapes)
    call = partial(_call, folding.program, outputs, structure)
    return jax.tree_util.Partial(call, folding.factors)


def _call(
    program: list[Callable],
    outputs: list[Callable],
    tree: Any,
    factors: list[Array],
    *args: Any,
) -> PyTree:
    values = jax.tree.leaves(args)
    for do in program:
        values += do(values, factors)
    return tree.unflatten([output(values, factors)[0] for output in outputs])


class _Folding:
    """Turns equations into a program: ``(values, factors) -> further values``."""

    def __init__(self, closed: ClosedJaxpr) -> None:
        jaxpr = closed.jaxpr
        self.known = dict(zip(jaxpr.constvars, closed.consts, strict=True))
        self.terms: dict[Any, Terms] = {
            v: {n: None} for n, v in enumerate(jaxpr.invars)
        }
        self.values = len(jaxpr.invars)
        used = [v for eqn in jaxpr.eqns for v in eqn.invars] + jaxpr.outvars
        self.uses = Counter(v for v in used if not isinstance(v, core.Literal))
        self.program: list[Callable] = []
        self.factors: list[Array] = []

    def fold(self, eqn: JaxprEqn) -> None:
        """Adds an equation."""
        name, moves = eqn.primitive.name, [self._moves(v) for v in eqn.invars]
        if not any(moves):
            results = run_alone(eqn, [read(self.known, v) for v in eqn.invars])
            self.known |= dict(zip(eqn.outvars, results, strict=True))
        elif name in ("add", "add_any") and all(moves):
            self._sum(eqn, *(self.terms[v] for v in eqn.invars))
        elif name == "sub" and all(moves):
            first, second = (self.terms[v] for v in eqn.invars)
            self._sum(eqn, first, _scaled(second, -1))
        elif name == "neg":
            self._sum(eqn, _scaled(self.terms[eqn.invars[0]], -1))
        elif name == "mul" and sum(moves) == 1:
            by = read(self.known, eqn.invars[moves.index(False)])
            value = self._alone(eqn.invars[moves.index(True)])
            self._sum(eqn, _scaled(value, by))
        else:
            self._leave(eqn)

    def output(self, variable: Atom) -> Callable:
        """Gives ``(values, factors) -> [value]``."""
        if self._moves(variable):
            return partial(_added_up, self._places(self.terms[variable]))
        place = self._place(read(self.known, variable))
        return lambda values, factors: [_at(place, factors)]

    def _moves(self, v: Atom) -> bool:
        return not isinstance(v, core.Literal) and v in self.terms

    def _sum(self, eqn: JaxprEqn, *sums: Terms) -> None:
        terms: Terms = {}
        for n, factor in (item for each in sums for item in each.items()):
            terms[n] = _plus(terms[n], factor) if n in terms else factor
        (variable,) = eqn.outvars
        self.terms[variable] = terms
        if self.uses[variable] > 1:
            self._alone(variable)

    def _alone(self, variable: Atom) -> Terms:
        """Makes a value of what is a sum of several."""
        terms = self.terms[variable]
        if len(terms) > 1:
            self.program.append(partial(_added_up, self._places(terms)))
            self._new(variable)
        return self.terms[variable]

    def _leave(self, eqn: JaxprEqn) -> None:
        sources = [self.output(v) for v in eqn.invars]
        self.program.append(partial(_run, eqn, sources))
        for variable in eqn.outvars:
            self._new(variable)

    def _new(self, variable: Atom) -> None:
        self.terms[variable] = {self.values: None}
        self.values += 1

    def _places(self, terms: Terms) -> list[tuple[int, Any]]:
        return [(n, self._place(factor)) for n, factor in terms.items()]

    def _place(self, factor: Any) -> Any:
        """Where a factor is found; one that is the same for all entries is itself."""
        if not isinstance(factor, jax.Array):
            return factor
        same = (n for n, a in enumerate(self.factors) if a is factor)
        place = next(same, len(self.factors))
        if place == len(self.factors):
            self.factors.append(factor)
        return (place,)


def _at(place: Any, factors: list[Array]) -> Any:
    return factors[place[0]] if isinstance(place, tuple) else place


def _added_up(
    places: list[tuple[int, Any]], values: list[Array], factors: list[Array]
) -> list[Array]:
    def term(n: int, place: Any) -> Array:
        return values[n] if place is None else values[n] * _at(place, factors)

    first, *others = (term(*item) for item in places)
    return [sum(others, first)]


def _run(
    eqn: JaxprEqn, sources: list[Callable], values: list[Array], factors: list[Array]
) -> list[Array]:
    return run_alone(eqn, [source(values, factors)[0] for source in sources])


def _scaled(terms: Terms, by: Any) -> Terms:
    return {n: by if f is None else f * by for n, f in terms.items()}


def _plus(a: Any, b: Any) -> Any:
    a, b = (1 if f is None else f for f in (a, b))
    return a + b
