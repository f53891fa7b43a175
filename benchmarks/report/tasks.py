"""The table of applications: a record that grows run by run, and its page."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks.report.kept import keep
from benchmarks.workload.goals import GOALS, Goal


class Outcome(NamedTuple):
    """What came of one run."""

    row: str
    choice: str  # the seed or the fold
    figures: dict[str, float]
    seconds: float
    source: str
    commit: str
    processor: str
    curve: Sequence[Sequence[float]] = []  # Pairs of a step and the validation there.


def load_runs(path: Path) -> list[Outcome]:
    """Reads the runs of a record, none if there is no file.

    Raises:
      ValueError: If it holds something else.
    """
    if not path.exists():
        return []
    try:
        return [Outcome(**run) for run in json.loads(path.read_text())["runs"]]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"tasks: {path} holds no record of applications; expected the JSON of an "
            "earlier run, to go on from. Name another file with --output."
        ) from None


def save_runs(path: Path, runs: Sequence[Outcome], environment: dict[str, Any]) -> None:
    """Writes the record, and the page beside it."""
    record = {"environment": environment, "runs": [run._asdict() for run in runs]}
    keep(path, record, tasks_page(runs, environment))


HOW = """\
Each row is `python -m recur` with the words of its first column and default settings,
the params chosen by the validation and measured on the test. Figures are means over
seeds, or over ten folds, with the deviation between them; what others reported is there
for orientation, as splits and training differ. Rows that miss their goal stay in.
Minutes are by the clock, on machines that may have done other work as well.

Made by `python -m benchmarks tasks`, from data that is not part of the project."""
PARTS = 4
ON_THE_WAY = """\
The validation after each part of the steps, in the unit of the application, of one of
the runs above; those whose curve was not kept are left out."""


def tasks_page(runs: Sequence[Outcome], environment: dict[str, Any]) -> str:
    """Writes the page: how it was made, and a line for each application."""
    versions = ", ".join(f"{n} {v}" for n, v in environment["versions"].items())
    # A record grows over days, on whatever machine there is.
    processors = " and ".join(dict.fromkeys(run.processor for run in runs))
    machine = f"{processors}, {environment['cores']} cores; {versions}."
    lines = [_line(goal, runs) for goal in GOALS]
    heads = ["task", "figure", "reached", "goal", "", "runs", "minutes", "others"]
    told = [line for line in lines if line]
    page = ["# Applications", HOW, machine, _table(told, heads)]
    first = {run.row: run for run in reversed(runs) if run.curve}
    curves = [_curve(first[goal.row]) for goal in GOALS if goal.row in first]
    if curves:
        parts = [f"{part / PARTS:.0%}" for part in range(1, PARTS + 1)]
        page += ["## On the way", ON_THE_WAY, _table(curves, ["task", "run", *parts])]
    return "\n\n".join(page) + "\n"


def _table(lines: list[list[str]], heads: list[str]) -> str:
    return tabulate(lines, heads, tablefmt="github", disable_numparse=True)


def _curve(run: Outcome) -> list[str]:
    """The validation at each part of the steps, at the nearest one evaluated."""
    last = run.curve[-1][0]
    near = [
        min(run.curve, key=lambda at: abs(at[0] - last * part / PARTS))
        for part in range(1, PARTS + 1)
    ]
    return [run.row, run.choice.strip("-"), *(f"{value:.4g}" for _, value in near)]


def _line(goal: Goal, runs: Sequence[Outcome]) -> list[str]:
    found = [run for run in runs if run.row == goal.row]
    if not found:
        return []
    values = [run.figures[goal.figure] for run in found]
    spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    minutes = sum(run.seconds for run in found) / len(found) / 60
    return [
        goal.row,
        goal.figure,
        f"{mean(values):.4g}{spread}",
        *_verdict(goal, found, mean(values)),
        f"{len(found)} {'fold' if goal.folds > 1 else 'seed'}{'s'[: len(found) > 1]}",
        f"{minutes:.1f}",
        goal.reported,
    ]


def _verdict(goal: Goal, found: Sequence[Outcome], reached: float) -> tuple[str, str]:
    """The goal, and whether it is met."""
    if goal.goal is None:
        return "", ""
    limit, told = goal.goal, f"{goal.goal:.4g}"
    if goal.beside:
        other = mean(run.figures[goal.beside] for run in found)
        limit, told = other + goal.goal, f"{other:.4g} {goal.goal:+.4g} (bag of words)"
    met = reached >= limit if goal.more else reached <= limit
    return f"{'≥' if goal.more else '≤'} {told}", "met" if met else "**missed**"


__all__ = ["Outcome", "load_runs", "save_runs", "tasks_page"]
