"""``tasks``: every application, trained and measured."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.commands.parser import Commands
from benchmarks.report.tasks import Outcome, load_runs, save_runs, tasks_page
from benchmarks.running.machine import circumstances
from benchmarks.workload.goals import GOALS, Goal

ABOUT = """\
Trains every application as python -m recur does, with several seeds or on ten folds,
and writes one table beside its goals. The record is a JSON file with a Markdown page
beside it. A run goes on from the file it finds, and leaves out what it has, so it may
be interrupted. The same seeds give the same numbers on the same machine. With all data
and three seeds, some hours on two cores.
"""
RECORD = Path("runs") / "tasks.json"


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "tasks", help="every application beside its goal", description=ABOUT
    )
    say = parser.add_argument
    say("names", nargs="*", metavar="NAME",
        help="application, or how a row begins, as 'copy --places' (all)")  # fmt: skip
    say("--seeds", type=int, default=3, help="how many (%(default)s)")
    say("--data", default=os.environ.get("RECUR_DATA"), help="folder (RECUR_DATA)")
    say("--again", action="store_true", help="instead of what the record has")
    say("--output", type=Path, default=RECORD, help="JSON file (%(default)s)")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs what is not in the record yet, keeping it after every run."""
    goals, runs = _chosen(arguments), load_runs(arguments.output)
    facts = circumstances()
    if arguments.again:
        rows = {goal.row for goal in goals}
        runs = [run for run in runs if run.row not in rows]
    done = {(run.row, run.choice) for run in runs}
    todo = [t for t in _todo(goals, arguments.seeds) if (t[0].row, t[1]) not in done]
    try:
        for goal, choice in tqdm(todo, "runs", disable=None):
            runs.append(_run(goal, choice, arguments.data, facts))
            save_runs(arguments.output, runs, facts)
    except KeyboardInterrupt:
        kept = f"{len(runs)} runs are kept in {arguments.output}"
        print(f"interrupted: {kept}; the same command goes on.", file=sys.stderr)
        return 130
    print(tasks_page(runs, facts))
    return 0


def _chosen(arguments: argparse.Namespace) -> list[Goal]:
    if arguments.seeds < 1:
        raise ValueError(f"tasks: seeds are {arguments.seeds}; expected 1 or more.")
    begun = {name: [g for g in GOALS if _begins(g, name)] for name in arguments.names}
    for name, goals in begun.items():
        if not goals:
            known = ", ".join(dict.fromkeys(goal.task for goal in GOALS))
            raise ValueError(
                f"tasks: {name!r} begins no row; expected some of {known}, or the "
                "first words of a row of the table, in quotes."
            )
    chosen = [goal for goals in begun.values() for goal in goals]
    return list(dict.fromkeys(chosen or GOALS))


def _begins(goal: Goal, name: str) -> bool:
    words = name.split()
    return bool(words) and goal.row.split()[: len(words)] == words


def _todo(goals: list[Goal], seeds: int) -> Iterator[tuple[Goal, str]]:
    for goal in goals:
        option, count = ("fold", goal.folds) if goal.folds > 1 else ("seed", seeds)
        yield from ((goal, f"--{option}={n}") for n in range(count))


def _run(goal: Goal, choice: str, data: str | None, facts: dict[str, Any]) -> Outcome:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        given = [*goal.row.split(), choice, "--out", str(out)]
        given += ["--data", data] if data else []
        command = [sys.executable, "-m", "recur", *given]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            raise ValueError(f"tasks: {' '.join(given)} failed: {ended.stderr.strip()}")
        told = json.loads((out / "figures.json").read_text())
    seconds, figures = time.perf_counter() - start, told["figures"]
    # Where the data is does not belong into a record.
    source = told["source"].replace(data, "DATA") if data else told["source"]
    where = str(facts["commit"]), str(facts["processor"])
    curve = [[step, measure] for step, _, measure in told["history"]]
    return Outcome(goal.row, choice, figures, seconds, source, *where, curve)
