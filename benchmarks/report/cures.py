"""The table of cures: a record that grows row by row, and its page."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmarks.measure.cure import Outcome
from benchmarks.report.kept import keep
from benchmarks.workload.cures import CURES

TASKS = {
    "adding": "Adding problem: two marked numbers, at most T steps back, are summed. "
    "Mean square error",
    "copy": "Copy memory: 5 symbols of 8, T blanks, then the symbols. Nats per step",
    "mnist": "Sequential MNIST, 28 rows of 28 pixels. Share of test digits wrong",
}


def load_outcomes(path: Path) -> list[Outcome]:
    """Reads the rows of a record, none if there is no file.

    Raises:
      ValueError: If it holds something else.
    """
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text())["outcomes"]
        return [Outcome(**_tuples(row)) for row in rows]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"gradients: {path} holds no record of cures; expected the JSON of an "
            "earlier run, to go on from. Name another file with --output."
        ) from None


def save_outcomes(
    path: Path, outcomes: Sequence[Outcome], environment: dict[str, Any]
) -> None:
    """Writes the record, and the page beside it."""
    record = {"environment": environment, "outcomes": [asdict(o) for o in outcomes]}
    keep(path, record, cures_page(outcomes, environment))


def cures_page(outcomes: Sequence[Outcome], environment: dict[str, Any]) -> str:
    """Writes the page: what was done, and a table for each task and budget."""
    versions = ", ".join(f"{n} {v}" for n, v in environment["versions"].items())
    machine = f"{environment['processor']}, {environment['cores']} cores; {versions}."
    seconds = sum(o.seconds for o in outcomes)
    parts = [
        "# Cures of vanishing and exploding gradients",
        HOW,
        f"{machine} {seconds:.0f} s.",
    ]
    groups: dict[tuple[Any, ...], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda o: list(TASKS).index(o.task)):
        budget = tuple(sorted(outcome.budget.items()))
        groups.setdefault((outcome.task, budget), []).append(outcome)
    for (task, budget), rows in groups.items():
        facts = dict(budget)
        about = ", ".join(f"{facts[n]} {n}" for n in ("steps", "seeds"))
        sizes = f"{about}, batches of {facts['batch']}, {facts['hidden']} hidden units"
        parts += [f"## {task}", f"{TASKS[task]}; {sizes}.", cures_table(rows)]
    return "\n\n".join(parts) + "\n"


HOW = """\
Each cell: the median over seeds, with the least and the greatest; in brackets how many
seeds solved the task, if any did, with a tenth or less of what an answer without memory
scores, or less than 10 % of digits wrong. `lost` counts seeds that ended in NaN; the
median is of the others. `reach` is how much of the loss of the last step arrives: the
norm of its gradient at the first step over that at the last, before → after training,
measured with `recur.diagnostics` at the longest T. 1 arrives as it set out; "none" is
no gradient at all, or none that is a number. Nothing was tuned for a row: Adam with
5e-3, or SGD, where it is named, with 1e-2 and momentum 0.9; gradients are clipped only
where it is named; truncated is cut into 4 pieces. Rows that fail stay in.

Made by `python -m benchmarks gradients`."""


def cures_table(rows: Iterable[Outcome]) -> str:
    """A line for each cure, a column for each length."""
    found = {(row.cure, row.length): row for row in rows}
    lengths = sorted({length for _, length in found})
    names = [name for name in CURES if any((name, t) in found for t in lengths)]
    lines: list[list[str]] = []
    for name in names:
        cells = [found.get((name, t)) for t in lengths]
        scores = ["" if c is None else score_cell(c) for c in cells]
        longest = [c for c in cells if c is not None][-1]
        lines.append([name, CURES[name].of, *scores, _reach(longest)])
    floors = {row.length: row.floor for row in found.values()}
    lines.append(["(no memory)", "", *(f"{floors[t]:.3g}" for t in lengths), ""])
    heads = ["network", "idea", *(f"T = {t}" for t in lengths), "reach"]
    return tabulate(lines, heads, tablefmt="github", disable_numparse=True)


def score_cell(outcome: Outcome) -> str:
    """Writes the scores of all seeds in one cell.

    Example:
      >>> facts = dict(task="adding", length=50, cure="GRU", budget={}, seconds=1.0)
      >>> score_cell(Outcome(**facts, floor=1.0, solved=0.1, scores=(0.01, 0.5, 0.2),
      ...                    reach=(1.0,), reach_after=(1.0,)))
      '0.2 (0.01 to 0.5) [1/3]'
    """
    scores = outcome.scores
    ended = [s for s in scores if np.isfinite(s)]
    lost = len(scores) - len(ended)
    if not ended:
        return f"lost {lost}/{len(scores)}"
    solved = sum(s < outcome.solved for s in ended)
    text = f"{median(ended):.2g} ({min(ended):.2g} to {max(ended):.2g})"
    text += f" [{solved}/{len(scores)}]" if solved else ""
    return text + (f" lost {lost}/{len(scores)}" if lost else "")


def _reach(outcome: Outcome) -> str:
    pair = [float(np.median(r)) for r in (outcome.reach, outcome.reach_after)]
    return " → ".join(f"{r:.0e}" if np.isfinite(r) else "none" for r in pair)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {n: tuple(v) if isinstance(v, list) else v for n, v in row.items()}
