"""``linear``: linear recurrences beside the plain scan of the same steps."""

import argparse
from pathlib import Path
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from benchmarks.commands.parser import Commands
from benchmarks.measure.linear import Row, cases, measure
from benchmarks.measure.turns import Budget
from benchmarks.running.machine import circumstances

HEADS = [
    "cell", "B,T,H", "", "scan, ms", "ours, ms", "times as fast", "spread",
    "scan, MiB", "ours, MiB",
]  # fmt: skip


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "linear", help="linear recurrences beside the plain scan of the same steps"
    )
    say = parser.add_argument
    say("--seconds", type=float, default=8.0, help="for each row (%(default)s)")
    say("--short", action="store_true", help="two rows of few steps")
    say("--output", type=Path, help="a Markdown file")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Prints the table, and writes it if asked to."""
    budget = Budget(seconds=arguments.seconds)
    todo = [(c, training) for c in cases(arguments.short) for training in (False, True)]
    progress = tqdm(todo, "rows", disable=None)
    rows = [_told(measure(c, training=t, budget=budget)) for c, t in progress]
    table = tabulate(rows, HEADS, tablefmt="github", floatfmt=".3g")
    print(table)
    if arguments.output is not None:
        facts: Any = circumstances()
        versions = facts["versions"]
        where = f"{facts['processor']}, {facts['cores']} cores, jax {versions['jax']}"
        text = (
            f"# Linear recurrences\n\n{where}, float32, medians of turns.\n\n{table}\n"
        )
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def _told(row: Row) -> list[object]:
    case, times, mib = row.case, row.milliseconds, row.temporaries
    return [
        case.name,
        f"{case.batch},{case.steps},{case.size}",
        "training" if row.training else "forward",
        *times.values(),
        times["scan"] / times["chunks"],
        f"{row.spread:.0%}",
        *mib.values(),
    ]
