"""The rolls of linear steps, as two of the ways to roll: which steps they take."""

import math
from functools import partial
from typing import Any

import jax

from recur._jaxpr.interpret import Values, run, shape_of
from recur._jaxpr.linear_step import LinearStep, linear_step
from recur._roll.chunked import tuning
from recur._roll.flags import Flags
from recur._roll.linear.recurrence import Walk
from recur._roll.linear.roll import CARRIES, LinearRoll
from recur._roll.remat import through_segments
from recur._roll.roller import Ready, Roll
from recur.types import PyTree


def associative(roll: Roll, *, where_it_pays: bool) -> Ready | str:
    """Takes linear steps, all at once; see :data:`recur._roll.roller.Roller`."""
    if where_it_pays:
        return ""
    found = find(roll)
    return found if isinstance(found, str) else linear(roll, found, parallel=True)


def find(roll: Roll) -> LinearStep | str:
    """Takes a linear step apart, or says why it is not one."""
    if roll.plan.symbolic:
        return "its sizes are symbols, and chunks are cut by numbers"
    return linear_step(roll.traced, roll.params, roll.carry, roll.x)


def linear(roll: Roll, step: LinearStep, *, parallel: bool | None) -> Ready:
    """Rolls a linear step, in chunks if not in parallel."""
    plan = roll.plan
    walk = Walk(parallel, plan.reverse)
    take = LinearRoll(step, walk, _fixed(step, roll.params), roll.starts).take
    again = partial(
        jax.checkpoint,
        policy=jax.checkpoint_policies.save_only_these_names(CARRIES),
    )

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        most = length if parallel else _steps_at_once(step)
        steps = tuning.even_steps(length, most)
        walked: dict[str, Any] = {"length": length, "steps": steps}
        return through_segments(
            again, take, carry, inputs, **walked, reverse=plan.reverse
        )

    form = "an associative scan" if parallel else "a linear recurrence"
    return Ready(form, segment)


def _fixed(step: LinearStep, params: PyTree) -> Values:
    known = step.consts | dict(zip(step.params, jax.tree.leaves(params), strict=True))
    run(step.of_params, known)
    return {v: known[v] for v in step.fixed}


def _steps_at_once(step: LinearStep) -> int:
    return max(1, tuning.TUNINGS["cpu"].linear_entries // max(1, _made(step)))


def _made(step: LinearStep) -> int:
    """Entries that a step makes of its input, and of its coefficients."""
    made = [v for e in step.of_input for v in e.outvars]
    made += [v for s in step.stages for v in s.coefficients.jaxpr.outvars]
    return sum(math.prod(shape_of(v)) for v in made)
