r"""A step whose carry is affine in itself, entry by entry: found by its equations.

.. math::
    s_{t,i} = \sum_j a_{t,ij} \odot s_{t-1,j} + b_{t,i}

A leaf may need leaves that are found without it: a window of past inputs is known for
all steps before the gates that read it. So there are stages, one after the other, and
what the step puts out comes last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn

from recur._jaxpr.affine import (
    Affine,
    NotAffineError,
    follow,
    leaf_of_carry,
    widest,
)
from recur._jaxpr.flat_step import FlatStep
from recur._jaxpr.interpret import Atom, dtype_of, read, shape_of
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
from recur.types import Array, PyTree


@dataclass(frozen=True, eq=False)
class Stage:
    """Leaves of the carry that depend on one another.

    Args:
      leaves: Their numbers.
      early: Equations that leaves of stages before have made possible for all steps.
      made: What is needed of these.
      reads: What their coefficients are made of.
      coefficients: Makes these, flat: factors, shifts, and what a value is at least.
      pairs: The factors, as ``(leaf, leaf of the step before)``.
      constant: For each coefficient, whether it is the same for all steps.
      bounded: Whether the leaf is a ``max`` of the affine value and of another.
    """

    leaves: tuple[int, ...]
    early: list[JaxprEqn]
    made: Sequence[Atom]
    reads: Sequence[Atom]
    coefficients: ClosedJaxpr
    pairs: tuple[tuple[int, int], ...]
    constant: tuple[bool, ...]
    bounded: bool


@dataclass(frozen=True, eq=False)
class LinearStep:
    """The equations of a linear step, in the order in which they are run."""

    of_params: list[JaxprEqn]
    of_input: list[JaxprEqn]
    stages: list[Stage]
    of_outputs: list[JaxprEqn]
    in_loop: list[JaxprEqn]  # all that need the carry
    fixed: Sequence[Atom]  # what the others need of params
    offered: Sequence[Atom]  # what the stages and outputs need of the input
    constvars: Sequence[Atom]  # what it closes over,
    consts: list[Array]  # and their values
    params: Sequence[Atom]
    carry: Sequence[Atom]
    x: Sequence[Atom]
    news: Sequence[Atom]  # the carry that the step gives
    outputs: Sequence[Atom]
    structure: Any  # of (carry, y)


def linear_step(flat: FlatStep) -> LinearStep | str:
    """Sorts a step whose carry is affine in itself, or says what stands in the way.

    Example:
      >>> from recur._jaxpr.flat_step import flat_step
      >>> step = lambda w, h, x: (jnp.tanh(x) * h + x @ w,) * 2
      >>> w, h = jnp.ones((2, 2)), jnp.ones((1, 2))
      >>> [stage.pairs for stage in linear_step(flat_step(step, w, h, h)).stages]
      [((0, 0),)]
      >>> bend = lambda w, h, x: (jnp.tanh(h + x), h)
      >>> linear_step(flat_step(bend, w, h, h))
      'carry: `tanh` is not affine in the carry'
    """
    jaxpr = flat.closed.jaxpr
    groups = flat.split(jaxpr.invars)
    if not groups[CARRY]:
        return "it has no carry"
    if any(jnp.issubdtype(dtype_of(v), jax.dtypes.extended) for v in groups[CARRY]):
        return "its carry holds random keys"
    eqns = needed(jaxpr.eqns, jaxpr.outvars)
    level = levels(eqns, jaxpr.constvars, groups)
    moving = [e for e in eqns if highest(level, e.outvars) == CARRY]
    news = jaxpr.outvars[: len(groups[CARRY])]
    try:
        stages = _stages(flat.carry, groups[CARRY], news, moving, level)
    except NotAffineError as error:
        return str(error)
    given = [*groups[CARRY], *news, *(v for stage in stages for v in stage.made)]
    of_outputs = needed(moving, jaxpr.outvars[len(news) :], given)
    reads = [v for stage in stages for v in stage.reads]
    early = [e for stage in stages for e in stage.early]
    rest = read_by([*of_outputs, *early], [*reads, *jaxpr.outvars])
    offered = [v for v in rest if level[v] == INPUT]
    of_input = [e for e in eqns if highest(level, e.outvars) == INPUT]
    fixed = [v for v in read_by(of_input, rest) if level[v] == PARAMS]
    return LinearStep(
        of_params=[e for e in eqns if highest(level, e.outvars) == PARAMS],
        of_input=of_input,
        stages=stages,
        of_outputs=of_outputs,
        in_loop=moving,
        fixed=fixed,
        offered=offered,
        constvars=jaxpr.constvars,
        consts=flat.closed.consts,
        params=groups[PARAMS],
        carry=groups[CARRY],
        x=groups[INPUT],
        news=news,
        outputs=jaxpr.outvars[len(news) :],
        structure=jax.tree.structure(flat.shapes),
    )


def _stages(
    carry: PyTree,
    olds: Sequence[Atom],
    news: Sequence[Atom],
    moving: list[JaxprEqn],
    level: Levels,
) -> list[Stage]:
    names = [
        f"carry{jax.tree_util.keystr(p)}" for p, _ in jax.tree.leaves_with_path(carry)
    ]
    stages: list[Stage] = []
    for leaves in _in_order(_needs(olds, news, moving)):
        done = [n for stage in stages for n in stage.leaves]
        given = [a[n] for n in done for a in (olds, news)]
        given += [v for stage in stages for v in stage.made]
        eqns = needed(moving, [news[n] for n in leaves], given)
        try:
            stages.append(_stage(leaves, olds, news, eqns, level))
        except NotAffineError as error:
            whose = " and ".join(names[n] for n in leaves)
            raise NotAffineError(f"{whose}: {error}") from None
    return stages


def _needs(
    olds: Sequence[Atom], news: Sequence[Atom], moving: list[JaxprEqn]
) -> np.ndarray:
    """Which leaf of the carry needs which of the step before, however indirectly."""
    found = np.zeros((len(olds), len(olds)), bool)
    for n, new in enumerate(news):
        seen = set(read_by(needed(moving, [new]), [new]))
        found[n] = [old in seen for old in olds]
    for k in range(len(olds)):
        found |= found[:, [k]] & found[[k]]
    return found


def _in_order(needs: np.ndarray) -> list[tuple[int, ...]]:
    """Groups leaves that need one another, each group after those that it needs."""
    left, groups = list(range(len(needs))), []
    mutual = (needs & needs.T) | np.eye(len(needs), dtype=bool)
    while left:
        ready = (n for n in left if not np.any(needs[n, left] & ~mutual[n, left]))
        first = next(ready)
        group = tuple(m for m in left if mutual[first, m])
        groups.append(group)
        left = [m for m in left if m not in group]
    return groups


def _stage(
    leaves: tuple[int, ...],
    olds: Sequence[Atom],
    news: Sequence[Atom],
    eqns: list[JaxprEqn],
    level: Levels,
) -> Stage:
    own = [olds[n] for n in leaves]
    like: Any = own[0].aval
    dtype = like.dtype
    _check_alike(own)
    early, late = _apart(eqns, own)
    behind = {*own, *(v for e in late for v in e.outvars)}
    reads = read_by(late, [news[n] for n in leaves])
    reads = [v for v in reads if v not in behind]
    before = {v for e in early for v in e.outvars}
    found: dict[str, Any] = {}

    def coefficients(*values: Any) -> list[Any]:
        known = dict(zip(reads, values, strict=True))
        leaves_now = zip(leaves, own, strict=True)
        known |= {v: leaf_of_carry(n, shape_of(v), dtype) for n, v in leaves_now}
        follow(late, known)
        pairs, flat = _flat([read(known, news[n]) for n in leaves], leaves, like)
        found["pairs"], found["bounded"] = pairs, len(flat) > len(pairs) + len(leaves)
        return flat

    closed = jax.make_jaxpr(coefficients)(*(v.aval for v in reads))
    still = {
        v for v, a in zip(closed.jaxpr.invars, reads, strict=True) if level[a] == PARAMS
    }
    groups = {
        PARAMS: list(still),
        INPUT: [v for v in closed.jaxpr.invars if v not in still],
    }
    inner = levels(closed.jaxpr.eqns, closed.jaxpr.constvars, groups)
    constant = tuple(highest(inner, [v]) == PARAMS for v in closed.jaxpr.outvars)
    return Stage(
        leaves=leaves,
        early=early,
        made=[v for v in reads if v in before],
        reads=reads,
        coefficients=closed,
        pairs=found["pairs"],
        constant=constant,
        bounded=found["bounded"],
    )


def _apart(
    eqns: list[JaxprEqn], own: Sequence[Atom]
) -> tuple[list[JaxprEqn], list[JaxprEqn]]:
    """Equations that do not need these leaves, and those that do."""
    early, late, behind = [], [], set(own)
    for eqn in eqns:
        needs = behind.intersection(variables(eqn.invars))
        (late if needs else early).append(eqn)
        behind.update(eqn.outvars if needs else ())
    return early, late


def _check_alike(own: Sequence[Any]) -> None:
    if len({(v.aval.shape, v.aval.dtype) for v in own}) > 1:
        raise NotAffineError("they are of different shapes and depend on one another")


def _flat(
    values: list[Any], leaves: tuple[int, ...], like: Any
) -> tuple[tuple[tuple[int, int], ...], list[Any]]:
    """Lists the factors that there are, the shifts, and what the value is at least."""
    factors: dict[tuple[int, int], Any] = {}
    shifts, least = [], []
    dtype = widest([like, *(a for a in values if isinstance(a, Affine))])

    def cast(a: Any) -> Array:
        return jnp.broadcast_to(jax.lax.convert_element_type(a, dtype), like.shape)

    for n, value in zip(leaves, values, strict=True):
        if not isinstance(value, Affine):
            shifts.append(cast(value))
            continue
        own = np.arange(value.entries.size).reshape(value.shape)
        if np.any((value.entries != own) & (value.entries >= 0)):
            raise NotAffineError("its entries change places")
        factors |= {
            (n, m): cast(1 if f is None else f) for m, f in value.factors.items()
        }
        shifts.append(cast(0 if value.shift is None else value.shift))
        if value.least is not None:
            least.append(cast(value.least))
    if least and len(leaves) > 1:
        raise NotAffineError("`max` is not affine in the carry")
    return tuple(factors), [*factors.values(), *shifts, *least]
