"""A linear step over some steps of time: what it needs of all at once, then the scan.

Coefficients are made for all steps at once, the recurrence is all that is left to a
loop, and outputs are made for all steps at once from the carries. For the gradient
only the carries are kept; the rest is computed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import Atom, Values, evaluate, read, run
from recur._jaxpr.levels import read_by
from recur._jaxpr.linear_step import LinearStep, Stage
from recur._jaxpr.merge_batch_dims import merged_product
from recur._roll.flags import Flags
from recur._roll.linear.coefficients import (
    Coefficients,
    begin,
    coefficients_of,
    obey,
)
from recur._roll.linear.recurrence import Walk, states_before
from recur._roll.masking import Starts, zero_outputs
from recur.types import Array, PyTree

CARRIES = "recur_carries"
"""The name of what is kept for the gradient, for the policy of a checkpoint."""


@dataclass(frozen=True, eq=False)
class LinearRoll:
    """What is fixed of a roll of a linear step.

    Args:
      step: Taken apart.
      walk: How its recurrences are computed.
      fixed: What needs params alone, computed.
      starts: What resets and steps that do not count start from.
    """

    step: LinearStep
    walk: Walk
    fixed: Values
    starts: Starts

    def take(
        self, carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        """Takes some steps: ``(carry, ys)``."""
        (xs, flags), step = inputs, self.step
        leaves, structure = jax.tree.flatten(carry)
        known = dict(zip(step.x, jax.tree.leaves(xs), strict=True))
        made = self._at_once(step.of_input, step.offered, known, length)
        known |= dict(zip(step.offered, made, strict=True))
        last: dict[int, Array] = {}
        for stage in step.stages:
            made = self._at_once(stage.early, stage.made, known, length)
            known |= dict(zip(stage.made, made, strict=True))
            start = [jnp.asarray(leaves[n]) for n in stage.leaves]
            last |= self._enter(stage, known, start, flags, length)
        ys = self._at_once(step.of_outputs, step.outputs, known, length)
        ends = [last[n] for n in range(len(leaves))]
        # The structure of a step's result, of which the carry is left out.
        _, ys = step.structure.unflatten([*ends, *ys])
        return structure.unflatten(ends), zero_outputs(flags.valid, ys)

    def _enter(
        self,
        stage: Stage,
        known: Values,
        start: list[Array],
        flags: Flags,
        length: int,
    ) -> dict[int, Array]:
        """Computes leaves of the carry for all steps, and adds them to ``known``.

        Returns:
          Those after the last step, by number.
        """
        step, plain = self.step, self._coefficients(stage, known, length)
        wide = [a.astype(b.dtype) for a, b in zip(start, plain.shifts, strict=True)]
        starts = self._starts_of(stage)
        flagged = obey(plain, flags, starts, self.walk.reverse)
        after = [_kept(a) for a in flagged.walk(self.walk, wide)]
        before = [
            states_before(self.walk, a, b) for a, b in zip(after, wide, strict=True)
        ]
        begun = begin(flags, starts, before, self.walk.reverse)
        news = after if flagged is plain else plain.take(begun)
        for n, old, new, like in zip(stage.leaves, begun, news, start, strict=True):
            known[step.carry[n]] = old.astype(like.dtype)
            if not isinstance(step.news[n], core.Literal):
                known.setdefault(step.news[n], new.astype(like.dtype))
        ends = (a[0 if self.walk.reverse else -1] for a in after)
        rows = zip(stage.leaves, ends, start, strict=True)
        return {n: a.astype(like.dtype) for n, a, like in rows}

    def _starts_of(self, stage: Stage) -> Starts:
        def own(carry: PyTree) -> PyTree:
            if carry is None:
                return None
            leaves: list[Any] = jax.tree.leaves(carry)
            return [leaves[n] for n in stage.leaves]

        return Starts(*map(own, self.starts))

    def _coefficients(self, stage: Stage, known: Values, length: int) -> Coefficients:
        """Computes what does not change over time once, the rest for all steps."""
        closed = stage.coefficients
        moving = [n for n, still in enumerate(stage.constant) if not still]

        def one(values: list[Any], which: list[int]) -> list[Array]:
            results = evaluate(closed, values, {"dot_general": merged_product})
            return [results[n] for n in which]

        reads: list[Any] = [known.get(v, self.fixed.get(v)) for v in stage.reads]
        axes = [0 if v in known else None for v in stage.reads]
        rest = [n for n in range(len(stage.constant)) if n not in moving]
        first = [a[0] if axis == 0 else a for a, axis in zip(reads, axes, strict=True)]
        found = dict(zip(rest, (a[None] for a in one(first, rest)), strict=True))
        if moving:
            mapped = jax.vmap(partial(one, which=moving), (axes,))(reads)
            found |= dict(zip(moving, mapped, strict=True))
        return coefficients_of(stage, [found[n] for n in range(len(found))], length)

    def _at_once(
        self,
        eqns: list[JaxprEqn],
        wanted: Sequence[Atom],
        known: Values,
        length: int,
    ) -> list[Array]:
        """Runs equations for all steps."""
        reads = [v for v in read_by(eqns, wanted) if v in known]

        def one(values: list[Any]) -> list[Array]:
            local = self.fixed | dict(zip(reads, values, strict=True))
            run(eqns, local, {"dot_general": merged_product})
            return [_as_array(read(local, v), v) for v in wanted]

        if not reads:
            return [jnp.broadcast_to(a, (length, *a.shape)) for a in one([])]
        return jax.vmap(one)([known[v] for v in reads])


def _kept(a: Array) -> Array:
    """Names what is kept; JAX has names for real numbers only."""
    if jnp.iscomplexobj(a):
        return jax.lax.complex(_kept(a.real), _kept(a.imag))
    return checkpoint_name(a, CARRIES)


def _as_array(value: Any, like: Atom) -> Array:
    aval: Any = like.aval
    return jnp.asarray(value, aval.dtype) if isinstance(like, core.Literal) else value
