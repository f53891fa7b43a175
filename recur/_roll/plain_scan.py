"""The plain way to roll: ``jax.lax.scan`` of the step as it is."""

from typing import Any

import jax

from recur._portable import is_symbolic
from recur._roll.flags import Flags
from recur._roll.masking import apply_masks
from recur._roll.roller import Ready, Roll
from recur.types import PyTree


def plain_scan(roll: Roll, *, where_it_pays: bool) -> Ready:
    """Takes any step; see :data:`recur._roll.roller.Roller`."""
    step, plan = roll.cheapest, roll.plan

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:

        def body(carry: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
            x, flags = inputs
            masked_step = apply_masks(flags, roll.starts, reverse=plan.reverse)
            return masked_step(lambda start: step(roll.params, start, x), carry)

        # Of a length that is a symbol it can be told by the leaves only.
        told = None if is_symbolic(length) and jax.tree.leaves(inputs) else length
        walk: dict[str, Any] = {"reverse": plan.reverse, "unroll": plan.scan_unroll}
        return jax.lax.scan(body, carry, inputs, length=told, **walk)

    return Ready("the step as it is", segment)
