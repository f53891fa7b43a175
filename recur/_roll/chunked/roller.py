"""The roll in chunks, as one of the ways to roll: which steps it takes."""

from typing import Any

from recur._roll.chunked import tuning
from recur._roll.chunked.resolve import resolve_rule
from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.scan import ChunkPlan, chunked_roll
from recur._roll.chunked.traced_rule import TracedRule
from recur._roll.flags import Flags
from recur._roll.roller import Ready, Roll
from recur.types import PyTree


def chunked(roll: Roll, *, where_it_pays: bool) -> Ready | str:
    """Takes steps that can be taken apart; see :data:`recur._roll.roller.Roller`."""
    plan = roll.plan
    if not plan.chunk:
        return "its sizes are symbols, and chunks are cut by numbers"
    rule = resolve_rule(roll, where_it_pays=where_it_pays)
    if isinstance(rule, str):
        return rule
    steps = tuning.made_steps(plan.chunk, rule.made)

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        walk = ChunkPlan(length, tuning.even_steps(length, steps), plan.reverse)
        return chunked_roll(rule, roll.params, carry, *inputs, roll.starts, walk)

    return Ready(_form(rule), segment)


def _form(rule: StepRule) -> str:
    rule_of_cell: Any = getattr(rule, "inner", rule)
    if isinstance(rule_of_cell, TracedRule):
        return "a rule traced from its equations"
    return f"its {type(rule_of_cell).__name__}"
