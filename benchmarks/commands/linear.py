"""``linear``: linear recurrences beside the plain scan, and beside other libraries."""

import argparse
from pathlib import Path
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from benchmarks.commands.parser import Commands
from benchmarks.measure.linear import Row, cases, measure
from benchmarks.measure.turns import Budget
from benchmarks.peers.linear import PEERS
from benchmarks.running.beside import measure_beside
from benchmarks.running.machine import circumstances

ABOUT = """\
Times rolls of linear recurrences, forward and in training, in turns, after outputs and
gradients were seen to agree: beside the plain scan of the same steps, or beside other
libraries with the same weights, of which it takes those that are installed.
"""
HEADS = [
    "cell", "B,T,H", "", "scan, ms", "ours, ms", "times as fast", "spread",
    "scan, MiB", "ours, MiB",
]  # fmt: skip
PEER_HEADS = ["library", "recurrence", "", "theirs, ms", "ours, ms",
              "times as fast", "spread"]  # fmt: skip
WAYS = {False: "forward", True: "training"}


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "linear", help="linear recurrences beside the plain scan", description=ABOUT
    )
    say = parser.add_argument
    beside = "the plain scan, or other libraries (%(default)s)"
    say("--beside", choices=("scan", "peers"), default="scan", help=beside)
    say("--seconds", type=float, default=8.0, help="for each row (%(default)s)")
    say("--short", action="store_true", help="few rows of few steps")
    say("--output", type=Path, help="a Markdown file")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Prints the table, and writes it if asked to."""
    budget = Budget(seconds=arguments.seconds)
    make = beside_peers if arguments.beside == "peers" else beside_scan
    title, table = make(budget, arguments.short)
    print(table)
    if arguments.output is not None:
        facts: Any = circumstances()
        versions = facts["versions"]
        where = f"{facts['processor']}, {facts['cores']} cores, jax {versions['jax']}"
        text = f"# {title}\n\n{where}, float32, medians of turns.\n\n{table}\n"
        arguments.output.write_text(text, encoding="utf-8")
    return 0


def beside_scan(budget: Budget, short: bool) -> tuple[str, str]:
    """Measures all cells beside the plain scan: a title and a table."""
    todo = [(c, training) for c in cases(short) for training in WAYS]
    progress = tqdm(todo, "rows", disable=None)
    rows = [_told(measure(c, training=t, budget=budget)) for c, t in progress]
    table = tabulate(rows, HEADS, tablefmt="github", floatfmt=".3g")
    return "Linear recurrences", table


def beside_peers(budget: Budget, short: bool) -> tuple[str, str]:
    """Measures what is installed of other libraries: a title and a table."""
    sizes, rows = (1, 32, 8) if short else (8, 1024, 128), []
    for library in tqdm(PEERS, "libraries", disable=None):
        names = library, PEERS[library][0]
        found = measure_beside(library, sizes, budget)
        if isinstance(found, str):
            rows.append([*names, found])
            continue
        for training, (theirs, ours, spread) in found.items():
            told = theirs, ours, theirs / ours, f"{spread:.0%}"
            rows.append([*names, WAYS[training], *told])
    table = tabulate(rows, PEER_HEADS, tablefmt="github", floatfmt=".3g")
    shape = ",".join(map(str, sizes))
    return f"Linear recurrences of other libraries, B,T,H {shape}", table


def _told(row: Row) -> list[object]:
    case, times, mib = row.case, row.milliseconds, row.temporaries
    return [
        case.name,
        f"{case.batch},{case.steps},{case.size}",
        WAYS[row.training],
        *times.values(),
        times["scan"] / times["chunks"],
        f"{row.spread:.0%}",
        *mib.values(),
    ]
