"""``compare``: ratios between two records, and a status that a check can rely on."""

import argparse
from pathlib import Path

from benchmarks.commands.parser import Commands
from benchmarks.report import comparison
from benchmarks.report.record import Run, load

ABOUT = """\
Compares two records and prints the ratio of each measurement, after to before; its
noise, which is the ratio of the quartiles that lie closest and of those that lie
farthest; and the drift of the machine, which is the median ratio of the other libraries
in the same case. Exits with 1 if a row of this library, drift taken out, got worse by
more than the threshold and beyond its noise; with 2 if there is nothing to compare.
"""


def add(commands: Commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "compare", help="compare two records", description=ABOUT
    )
    command.add_argument("before", type=Path, metavar="A.json")
    command.add_argument("after", type=Path, metavar="B.json")
    command.add_argument(
        "--threshold",
        type=float,
        default=0.1,
        help="the change that counts, as a fraction (%(default)s: ten percent)",
    )
    command.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Prints the comparison; gives 1 if something got worse."""
    threshold = _checked(arguments.threshold)
    before, after = load(arguments.before), load(arguments.after)
    found = comparison.changes(before, after)
    if not found:
        raise ValueError(
            f"compare: {arguments.before} and {arguments.after} have no measurement in "
            "common; expected records of the same cases. Run both with equal options."
        )
    print(comparison.table(found, threshold))
    _print_notes(before, after)
    worse = comparison.regressions(found, threshold)
    print(f"\n{_verdict(len(worse), threshold)}")
    return 1 if worse else 0


def _checked(threshold: float) -> float:
    if not 0 <= threshold < float("inf"):
        raise ValueError(
            f"--threshold: {threshold} is no change that counts; expected a fraction "
            "of 0 or more, such as 0.1 for ten percent."
        )
    return threshold


def _print_notes(before: Run, after: Run) -> None:
    notes = comparison.circumstances(before, after)
    gone = [
        f"{r.peer} {r.case.label} {r.case.shape}"
        for r in comparison.lost(before, after)
    ]
    notes += [f"no longer measured: {', '.join(gone)}"] if gone else []
    for note in notes:
        print(f"\n- {note}", end="")
    print()


def _verdict(worse: int, threshold: float) -> str:
    count = f"{worse} of our rows" if worse else "None of our rows"
    return f"{count} got worse by more than {threshold:.0%}, noise and drift left out."
