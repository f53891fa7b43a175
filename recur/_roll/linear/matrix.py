"""Rolls of cells with a matrix for a carry, made only at the ends of chunks."""

from functools import partial
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from recur._ops.wide import widened
from recur._roll.chunked import tuning
from recur._roll.flags import Flags
from recur._roll.linear.rank_one import RankOne, take_chunk
from recur._roll.masking import zero_outputs
from recur._roll.remat import recomputed
from recur._roll.roller import Ready, Roll
from recur.types import Array, PyTree


@runtime_checkable
class MatrixRule(Protocol):
    """What the roll asks of a cell whose carry is one matrix in each of its heads.

    Both take any leading axes, so that many steps are done at once.
    """

    def elements(self, params: PyTree, x: PyTree) -> RankOne:
        """Gives what a step does with the matrix."""
        ...

    def read(self, params: PyTree, found: Array, x: PyTree) -> PyTree:
        """Gives ``y`` of what the query found."""
        ...


def by_chunks(roll: Roll, rule: MatrixRule) -> Ready:
    """Rolls a matrix chunk by chunk, of which each keeps what it starts from."""
    steps, take = _steps_at_once(roll, rule), partial(_take, roll, rule)
    segment = recomputed(take, steps, reverse=roll.plan.reverse)
    return Ready("outer products, in chunks", segment, steps)


def _take(
    roll: Roll,
    rule: MatrixRule,
    carry: Array,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[Array, PyTree]:
    (xs, flags), (reset, _) = inputs, roll.starts
    anew = None
    if reset is not None:
        anew = widened(jnp.broadcast_to(reset, carry.shape))
    done = rule.elements(roll.params, xs)
    reverse = roll.plan.reverse
    s, found = take_chunk(done, widened(carry), flags, anew, reverse=reverse)
    ys = rule.read(roll.params, found, xs)
    ys = jax.tree.map(lambda y: y.astype(carry.dtype), ys)
    return s.astype(carry.dtype), zero_outputs(flags.valid, ys)


def _steps_at_once(roll: Roll, rule: MatrixRule) -> int:
    done = jax.eval_shape(rule.elements, roll.params, roll.x)
    one = done.log_decay is None or done.log_decay.shape[-1] == 1
    return tuning.MATRIX_STEPS if one else tuning.DECAYED_STEPS
