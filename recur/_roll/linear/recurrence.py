r"""Recurrences that are affine entry by entry, with one derivative.

.. math::
    s_{t,i} = \sum_j a_{t,ij} \odot s_{t-1,j} + b_{t,i}

The tangent is the same recurrence, driven by :math:`\dot b_{t,i} + \sum_j \dot a_{t,ij}
\odot s_{t-1,j}`, and its transpose walks back with the cotangent alone. So factors and
values are all that is kept, in every mode.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur._jaxpr.symbolic_zeros import (
    drop_symbolic_zeros,
    has_tangent,
    instantiate_zeros,
)
from recur._roll.chunked import tuning
from recur._roll.chunked.ways import by_platform
from recur.types import Array, PyTree

Pairs = tuple[tuple[int, int], ...]
"""Of each factor the value that it makes, and the value of the step before."""


class Walk(NamedTuple):
    """How a recurrence is computed.

    Args:
      parallel: Whether by an associative scan, in ``log T`` sweeps; ``None`` where the
        platform wants it.
      reverse: Whether from the last step to the first.
    """

    parallel: bool | None
    reverse: bool


def recurrence(
    walk: Walk,
    pairs: Pairs,
    factors: Sequence[Array],
    shifts: Sequence[Array],
    start: Sequence[Array],
) -> list[Array]:
    """Computes the values after each step.

    Args:
      walk: How.
      pairs: Which values each factor links.
      factors: ``[T, ...]``, or ``[1, ...]`` if it is the same for all steps.
      shifts: ``[T, ...]``, one for each value.
      start: ``[...]``, before the first step taken.

    Returns:
      ``[T, ...]`` for each value.

    Example:
      >>> walk = Walk(parallel=False, reverse=False)
      >>> factor, shifts = jnp.full((1, 1), 0.5), jnp.ones((3, 1))
      >>> recurrence(walk, ((0, 0),), [factor], [shifts], [jnp.zeros(1)])[0][:, 0]
      Array([1.  , 1.5 , 1.75], dtype=float32)
    """
    if not pairs:
        return list(shifts)
    ways = (
        partial(_sequential, walk.reverse, pairs),
        partial(_parallel, walk.reverse, pairs),
    )
    run = partial(walked, walk, ways)
    if not all(map(has_tangent, start)):
        return run(factors, shifts, start)
    again = partial(recurrence, walk, pairs)
    values = jax.custom_jvp(run)

    def push(primals: tuple, tangents: tuple) -> tuple[list[Array], list[Array]]:
        after = again(*primals)
        factors, shifts, start = primals
        dfactors, dshifts, dstart = drop_symbolic_zeros(tangents)
        drive = list(instantiate_zeros(shifts, dshifts))
        before = [states_before(walk, a, s) for a, s in zip(after, start, strict=True)]
        for (i, j), dfactor in zip(pairs, dfactors, strict=True):
            if dfactor is not None:
                drive[i] = drive[i] + dfactor * before[j]
        return after, again(factors, drive, instantiate_zeros(start, dstart))

    values.defjvp(push, symbolic_zeros=True)
    return values(list(factors), list(shifts), list(start))


def walked(
    walk: Walk, ways: tuple[Callable[..., PyTree], Callable[..., PyTree]], *args: PyTree
) -> PyTree:
    """Calls the sequential or the parallel way, whose second argument has all steps."""
    if walk.parallel is not None:
        return ways[walk.parallel](*args)
    length = len(jax.tree.leaves(args[1])[0])
    wanted = {n: length >= t.parallel_steps for n, t in tuning.TUNINGS.items()}
    if len(set(wanted.values())) == 1:  # Else the same would be compiled twice.
        wanted = {"default": wanted["default"]}
    return by_platform(wanted, lambda parallel, *args: ways[parallel](*args), *args)


def states_before(walk: Walk, after: Array, start: Array) -> Array:
    """Shifts values after each step to those before it.

    Example:
      >>> walk = Walk(parallel=False, reverse=True)
      >>> states_before(walk, jnp.array([2.0, 1.0]), jnp.float32(0))
      Array([1., 0.], dtype=float32)
    """
    if walk.reverse:
        return jnp.concatenate([after[1:], start[None]])
    return jnp.concatenate([start[None], after[:-1]])


def _sequential(
    reverse: bool,
    pairs: Pairs,
    factors: Sequence[Array],
    shifts: Sequence[Array],
    start: Sequence[Array],
) -> list[Array]:
    length = len(shifts[0])
    moving = {n: a for n, a in enumerate(factors) if len(a) == length}

    def body(before: list[Array], inputs: tuple) -> tuple[list[Array], list[Array]]:
        now, shifts = inputs
        after = list(shifts)
        for n, (i, j) in enumerate(pairs):
            factor = now[n] if n in now else factors[n][0]
            after[i] = after[i] + factor * before[j]
        return after, after

    inputs = moving, list(shifts)
    return jax.lax.scan(body, list(start), inputs, reverse=reverse)[1]


def _parallel(
    reverse: bool,
    pairs: Pairs,
    factors: Sequence[Array],
    shifts: Sequence[Array],
    start: Sequence[Array],
) -> list[Array]:
    first, count = -1 if reverse else 0, len(shifts)
    matrix = [[jnp.zeros_like(b) for b in shifts] for _ in range(count)]
    shifts = list(shifts)
    for (i, j), factor in zip(pairs, factors, strict=True):
        matrix[i][j] = jnp.broadcast_to(factor, shifts[i].shape)
        shifts[i] = shifts[i].at[first].add(matrix[i][j][first] * start[j])
    many = range(count)

    def after(one: tuple, other: tuple) -> tuple:
        (a, b), (c, d) = one, other
        product = [[_sum(c[i][k] * a[k][j] for k in many) for j in many] for i in many]
        return product, [_sum(c[i][k] * b[k] for k in many) + d[i] for i in many]

    return jax.lax.associative_scan(after, (matrix, shifts), reverse=reverse)[1]


def _sum(terms: Iterable[Array]) -> Array:
    first, *others = terms
    return sum(others, first)
