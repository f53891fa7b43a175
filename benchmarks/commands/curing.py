"""``gradients``: the cures of vanishing and exploding gradients, each tried."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.commands.arguments import names
from benchmarks.commands.parser import Commands
from benchmarks.measure.cure import Budget, try_cure
from benchmarks.report.cures import cures_page, load_outcomes, save_outcomes
from benchmarks.running.machine import circumstances
from benchmarks.workload.cures import CURES
from benchmarks.workload.digits import Digits
from benchmarks.workload.lag_tasks import Adding, Copying, LagTask

ABOUT = """\
Trains sixteen networks on tasks that need memory, with several seeds, and writes one
table: initialisation, activation, gates, forget biases, clipping, truncation. The
record is a JSON file with a Markdown page beside it. A run goes on from the file it
finds, and leaves out rows that it has with equal options, so it may be interrupted. The
same seeds give the same numbers on the same machine. A quarter of an hour on two
cores.
"""
TASKS = {"adding": (25, 50, 100), "copy": (5, 20), "mnist": (28,)}
FULL = {"adding": (100, 200, 400, 600), "copy": (20, 50, 100, 200), "mnist": (28,)}
RECORD = Path("runs") / "gradients.json"


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "gradients",
        help="cures of vanishing gradients, in one table",
        description=ABOUT,
    )
    say = parser.add_argument
    say("--tasks", default=",".join(TASKS), help="some of %(default)s")
    say("--cures", default="all", help="rows, separated by semicolons (%(default)s)")
    say("--lengths", type=int, nargs="+", metavar="T", help="instead of the task's own")
    say("--steps", type=int, default=Budget.steps, help="of training (%(default)s)")
    say("--seeds", type=int, default=Budget.seeds, help="how many (%(default)s)")
    say("--hidden", type=int, default=Budget.hidden, help="units (%(default)s)")
    say("--full", action="store_true", help="hours: longer T, 20 times the steps")
    say("--data", help="folder with the folder mnist (RECUR_DATA)")
    say("--output", type=Path, default=RECORD, help="JSON file (%(default)s)")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs what is not in the record yet, keeping it after every row."""
    chosen = names("--tasks", arguments.tasks, TASKS)
    cures = _cures(arguments.cures)
    budget = _budget(arguments)
    outcomes = load_outcomes(arguments.output)
    facts = circumstances()
    tasks = [task for name in chosen for task in _tasks(name, arguments)]
    try:
        for task, name, data in _todo(tasks, cures, budget, outcomes):
            outcomes.append(try_cure(task, name, budget, data))
            save_outcomes(arguments.output, outcomes, facts)
    except KeyboardInterrupt:
        kept = f"{len(outcomes)} rows are kept in {arguments.output}"
        print(f"interrupted: {kept}; the same command goes on.", file=sys.stderr)
        return 130
    print(cures_page(outcomes, facts))
    return 0


def _todo(
    tasks: list[LagTask], cures: list[str], budget: Budget, done: list[Any]
) -> Any:
    """Goes through what is left, with data if there is any."""
    keys = {outcome.key for outcome in done}
    facts = tuple(sorted(vars(budget).items()))
    for task in tasks:
        left = [n for n in cures if (task.name, task.length, n, facts) not in keys]
        try:
            data = task.load() if left else None
        except ValueError as reason:
            print(f"skipped: {reason}")
            continue
        about = f"{task.name} T={task.length}"
        for name in tqdm(left, about, leave=False, disable=None):
            yield task, name, data


def _tasks(name: str, arguments: argparse.Namespace) -> list[LagTask]:
    if name == "mnist":
        return [Digits(arguments.data)]
    kind = Adding if name == "adding" else Copying
    own = (FULL if arguments.full else TASKS)[name]
    return [kind(t) for t in arguments.lengths or own]


def _cures(text: str) -> list[str]:
    given = list(CURES) if text == "all" else [n.strip() for n in text.split(";")]
    for name in given:
        if name not in CURES:
            raise ValueError(
                f"--cures: {name!r} is not known; expected some of {'; '.join(CURES)}, "
                "separated by semicolons."
            )
    return given


def _budget(arguments: argparse.Namespace) -> Budget:
    least = min(arguments.steps, arguments.seeds, arguments.hidden)
    if least < 1 or min(arguments.lengths or [2]) < 2:
        raise ValueError(
            f"gradients: steps are {arguments.steps}, seeds {arguments.seeds}, hidden "
            f"{arguments.hidden} and lengths {arguments.lengths}; expected 1 or more "
            "of each, and lengths of 2 or more."
        )
    sizes = {n: getattr(arguments, n) for n in ("steps", "seeds", "hidden")}
    budget = Budget(**sizes)
    longer = {"steps": 20 * budget.steps, "seeds": max(5, budget.seeds), "hidden": 128}
    return replace(budget, **longer) if arguments.full else budget
