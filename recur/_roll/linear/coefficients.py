"""The coefficients of a recurrence, and what flags make of them.

Flags select and never multiply: what a step that does not count has made, NaN too,
reaches nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp

from recur._jaxpr.linear_step import Stage
from recur._roll.flags import Flags
from recur._roll.linear.max_plus import max_plus
from recur._roll.linear.recurrence import Pairs, Walk, recurrence
from recur._roll.masking import Starts
from recur._roll.padding import tree_where
from recur.types import Array


@dataclass(frozen=True)
class Coefficients:
    """Of some leaves of a carry, for all steps.

    Args:
      pairs: Which leaves each factor links, by position.
      factors: ``[T, ...]``, or ``[1, ...]`` if it is the same for all steps.
      shifts: ``[T, ...]``, one for each leaf.
      least: What the one leaf is at least, ``[T, ...]``; ``None`` without such a bound.
    """

    pairs: Pairs
    factors: Sequence[Array]
    shifts: Sequence[Array]
    least: Array | None

    @property
    def full(self) -> list[Array]:
        """The factors, each for all steps."""
        pairs = zip(self.pairs, self.factors, strict=True)
        return [jnp.broadcast_to(a, self.shifts[i].shape) for (i, _), a in pairs]

    def walk(self, walk: Walk, start: list[Array]) -> list[Array]:
        """Computes the leaves after each step."""
        if self.least is not None:
            return [max_plus(walk, self.shifts[0], self.least, start[0])]
        return recurrence(walk, self.pairs, self.factors, self.shifts, start)

    def take(self, starts: list[Array]) -> list[Array]:
        """Takes every step from a carry of its own."""
        news = list(self.shifts)
        for (i, j), factor in zip(self.pairs, self.factors, strict=True):
            news[i] = news[i] + factor * starts[j]
        return news if self.least is None else [jnp.maximum(news[0], self.least)]


def coefficients_of(stage: Stage, flat: list[Array], length: int) -> Coefficients:
    """Names what the equations of a stage gave."""
    count = len(stage.pairs)
    place = {leaf: n for n, leaf in enumerate(stage.leaves)}
    pairs = tuple((place[i], place[j]) for i, j in stage.pairs)
    rest = [jnp.broadcast_to(a, (length, *a.shape[1:])) for a in flat[count:]]
    least = rest.pop() if stage.bounded else None
    return Coefficients(pairs, flat[:count], rest, least)


def obey(of: Coefficients, flags: Flags, starts: Starts, reverse: bool) -> Coefficients:
    """Makes the coefficients those of a roll with flags.

    Where a segment starts, the factor is zero, and what it starts from is in the
    shift; where a step does not count, the factor is one and the shift is zero.
    """
    valid, reset = flags
    if reset is not None:
        anew = _lasting(starts.reset, of.shifts)
        of = _cut(of, reset, anew if reverse else of.take(anew))
    return of if valid is None else _held(of, valid)


def begin(
    flags: Flags, starts: Starts, before: list[Array], reverse: bool
) -> list[Array]:
    """Says what carry each step starts from."""
    valid, reset = flags
    if reset is not None and not reverse:
        before = tree_where(reset, _lasting(starts.reset, before), before)
    if valid is not None and starts.invalid is not None:
        before = tree_where(valid, before, _lasting(starts.invalid, before))
    return before


def _cut(of: Coefficients, reset: Array, ends: list[Array]) -> Coefficients:
    """Lets each step that is reset end where ``ends`` says."""
    ends = [jnp.broadcast_to(a, b.shape) for a, b in zip(ends, of.shifts, strict=True)]
    if of.least is not None:
        low = jnp.full_like(of.least, -jnp.inf)
        least = tree_where(reset, ends[0], of.least)
        return replace(
            of, shifts=tree_where(reset, [low], list(of.shifts)), least=least
        )
    zero = [jnp.zeros_like(a) for a in of.full]
    factors = tree_where(reset, zero, of.full)
    return replace(of, factors=factors, shifts=tree_where(reset, ends, list(of.shifts)))


def _held(of: Coefficients, valid: Array) -> Coefficients:
    shifts = [tree_where(valid, b, None) for b in of.shifts]
    if of.least is not None:
        low = jnp.full_like(of.least, -jnp.inf)
        return replace(of, shifts=shifts, least=tree_where(valid, of.least, low))
    own = {(n, n): jnp.zeros_like(b) for n, b in enumerate(of.shifts)}
    every = own | dict(zip(of.pairs, of.full, strict=True))
    still = [jnp.full_like(a, i == j) for (i, j), a in every.items()]
    factors = tree_where(valid, list(every.values()), still)
    return Coefficients(tuple(every), factors, shifts, None)


def _lasting(values: list[Any], like: Sequence[Array]) -> list[Array]:
    """The same for all steps."""
    pairs = zip(values, like, strict=True)
    return [jnp.broadcast_to(jnp.asarray(a, b.dtype)[None], b.shape) for a, b in pairs]
