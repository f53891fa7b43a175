"""The roll in chunks, as one of the ways to roll: which steps it takes."""

from typing import Any

from recur._jaxpr.linear_step import LinearStep
from recur._roll.chunked.resolve import resolve_rule
from recur._roll.chunked.rule import StepRule
from recur._roll.chunked.scan import chunked_roll
from recur._roll.chunked.traced_rule import TracedRule
from recur._roll.chunked.ways import ways_of
from recur._roll.flags import Flags
from recur._roll.linear.matrix import MatrixRule, by_chunks
from recur._roll.linear.roller import linear
from recur._roll.roller import Ready, Roll
from recur.types import PyTree


def chunked(roll: Roll, *, where_it_pays: bool) -> Ready | str:
    """Takes steps that can be taken apart; see :data:`recur._roll.roller.Roller`."""
    plan = roll.plan
    if plan.symbolic:
        return "its sizes are symbols, and chunks are cut by numbers"
    rule: Any = resolve_rule(roll, where_it_pays=where_it_pays)
    if isinstance(rule, str):
        return rule
    if isinstance(rule, MatrixRule):
        return by_chunks(roll, rule)
    if isinstance(rule, LinearStep):
        return linear(roll, rule, parallel=None if where_it_pays else False)

    def segment(
        carry: PyTree, inputs: tuple[PyTree, Flags], *, length: int
    ) -> tuple[PyTree, PyTree]:
        ways = ways_of(rule, carry, length, of=plan.length, reverse=plan.reverse)
        return chunked_roll(ways, roll.params, carry, *inputs, roll.starts)

    return Ready(_form(rule), segment)


def _form(rule: StepRule) -> str:
    rule_of_cell: Any = getattr(rule, "inner", rule)
    if isinstance(rule_of_cell, TracedRule):
        return "a rule traced from its equations"
    return f"its {type(rule_of_cell).__name__}"
