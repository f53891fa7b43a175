"""The rolls of linear steps, as two of the ways to roll: which steps they take."""

from dataclasses import replace
from functools import partial

import jax

from recur._jaxpr.interpret import Values, dtype_of, read, run
from recur._jaxpr.linear_step import LinearStep, linear_step
from recur._jaxpr.symbolic_zeros import differentiated_as
from recur._roll.chunked import tuning
from recur._roll.flags import Flags
from recur._roll.linear.costs import entries_made, is_spread
from recur._roll.linear.recurrence import Walk
from recur._roll.linear.roll import CARRIES, LinearRoll
from recur._roll.masking import Starts
from recur._roll.plain_scan import plain_scan
from recur._roll.remat import through_segments
from recur._roll.roller import Ready, Roll
from recur.types import Array, PyTree


def associative(roll: Roll, *, where_it_pays: bool) -> Ready | str:
    """Takes linear steps, all at once; see :data:`recur._roll.roller.Roller`."""
    if where_it_pays:
        return ""
    if roll.plan.symbolic:
        return "its sizes are symbols, and chunks are cut by numbers"
    found = roll.flat if isinstance(roll.flat, str) else linear_step(roll.flat)
    return found if isinstance(found, str) else linear(roll, found, parallel=True)


def linear(roll: Roll, step: LinearStep, *, parallel: bool | None) -> Ready:
    """Rolls a linear step, in chunks if not in parallel."""
    walk = Walk(parallel, roll.plan.reverse)
    plain = is_spread(step) and not parallel and not _is_widened(step)

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        take = partial(_take, step, walk, length=length)
        if plain:
            values = partial(_by_scan, roll, step, length=length)
            take = differentiated_as(take, values)
        return take(step.consts, roll.params, roll.starts, carry, inputs)

    form = "an associative scan" if parallel else "a linear recurrence"
    return Ready(form, segment)


def _take(
    step: LinearStep,
    walk: Walk,
    consts: list[Array],
    params: PyTree,
    starts: Starts,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Takes chunk after chunk, of which the carries are kept for the gradient."""
    take = LinearRoll(step, walk, _fixed(step, consts, params), starts).take
    policy = jax.checkpoint_policies.save_only_these_names(CARRIES)
    at_once = max(1, tuning.LINEAR_ENTRIES // max(1, entries_made(step)))
    most = length if walk.parallel else at_once
    return through_segments(
        partial(jax.checkpoint, policy=policy),
        take,
        carry,
        inputs,
        length=length,
        steps=tuning.even_steps(length, most),
        reverse=walk.reverse,
    )


def _by_scan(
    roll: Roll,
    step: LinearStep,
    consts: list[Array],
    params: PyTree,
    starts: Starts,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    """Computes values alone, where a loop has nothing to gain from chunks."""

    def one(fixed: list[Array], carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        known = dict(zip(step.fixed, fixed, strict=True))
        for variables, tree in ((step.carry, carry), (step.x, x)):
            known |= dict(zip(variables, jax.tree.leaves(tree), strict=True))
        run([*step.of_input, *step.in_loop], known)
        outputs = [read(known, v) for v in (*step.news, *step.outputs)]
        return step.structure.unflatten(outputs)

    fixed = list(_fixed(step, consts, params).values())
    own = replace(roll, whole=one, params=fixed, starts=starts)
    ready = plain_scan(own, where_it_pays=False)
    return ready.segment(carry, inputs, length=length)


def _fixed(step: LinearStep, consts: list[Array], params: PyTree) -> Values:
    known = dict(zip(step.constvars, consts, strict=True))
    known |= dict(zip(step.params, jax.tree.leaves(params), strict=True))
    run(step.of_params, known)
    return {v: known[v] for v in step.fixed}


def _is_widened(step: LinearStep) -> bool:
    """Whether a recurrence is summed in a wider dtype than that of the carry."""
    sums = {dtype_of(v) for s in step.stages for v in s.coefficients.jaxpr.outvars}
    return not sums <= {dtype_of(v) for v in step.carry}
