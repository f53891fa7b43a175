"""What each value of a step needs: params alone, its input too, or its carry."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
from jax.extend import core
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import Atom
from recur.types import PyTree

PARAMS, INPUT, CARRY = range(3)

Levels = dict[Atom, int]


def split_invars(
    invars: Sequence[Atom], params: PyTree, carry: PyTree
) -> dict[int, Sequence[Atom]]:
    """Tells which inputs of a traced ``step(params, carry, x)`` are which."""
    of_params, of_carry = (len(jax.tree.leaves(tree)) for tree in (params, carry))
    return {
        PARAMS: invars[:of_params],
        CARRY: invars[of_params : of_params + of_carry],
        INPUT: invars[of_params + of_carry :],
    }


def levels(
    eqns: list[JaxprEqn], consts: Sequence[Atom], groups: Mapping[int, Sequence[Atom]]
) -> Levels:
    """Finds the level of each variable."""
    level = dict.fromkeys(consts, PARAMS)
    level |= {v: n for n, group in groups.items() for v in group}
    for eqn in eqns:
        level |= dict.fromkeys(eqn.outvars, highest(level, eqn.invars))
    return level


def highest(level: Levels, atoms: Iterable[Atom]) -> int:
    """The level of what needs all of these."""
    return max((level[v] for v in variables(atoms)), default=PARAMS)


def needed(
    eqns: list[JaxprEqn], outputs: Iterable[Atom], given: Iterable[Atom] = ()
) -> list[JaxprEqn]:
    """Leaves out the equations that no output needs, once some values are given."""
    known, wanted = set(variables(given)), set(variables(outputs))
    wanted, kept = wanted - known, []
    for eqn in reversed(eqns):
        if wanted.intersection(eqn.outvars):
            wanted.update(v for v in variables(eqn.invars) if v not in known)
            kept.append(eqn)
    return kept[::-1]


def read_by(eqns: list[JaxprEqn], outputs: Iterable[Atom]) -> list[Any]:
    """Lists what equations and outputs read, each variable once."""
    inputs = [v for eqn in eqns for v in eqn.invars]
    return list(dict.fromkeys(variables([*inputs, *outputs])))


def variables(atoms: Iterable[Atom]) -> list[Any]:
    """Leaves out the numbers."""
    return [v for v in atoms if not isinstance(v, core.Literal)]
