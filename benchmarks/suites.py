"""The suites: which cases belong together, one entry each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.workload.case import Case
from benchmarks.workload.cells import TEXTBOOK
from benchmarks.workload.shape import RECORD, Shape

ROLLS = ("forward", "training")
LONG = tuple(Shape(16, t, 64, 128) for t in (64, 256, 1024, 4096))
LAYERED = (Shape(32, 128, 128, 128), Shape(8, 192, 128, 256), Shape(1, 512, 128, 128))


@dataclass(frozen=True)
class Choice:
    """What the user may narrow suites to.

    Args:
      cells: Names in :data:`benchmarks.workload.cells.CELLS`.
      shapes: Instead of a suite's own, which ``None`` leaves in place.
      tasks: ``forward``, ``training`` or both, for suites that roll.
      dtypes: Of weights and inputs.
    """

    cells: tuple[str, ...] = TEXTBOOK
    shapes: tuple[Shape, ...] | None = None
    tasks: tuple[str, ...] = ROLLS
    dtypes: tuple[str, ...] = ("float32",)


@dataclass(frozen=True)
class Suite:
    """Cases that differ in cell, task, shape and dtype, and share the rest.

    Args:
      about: What it shows.
      shapes: Its own.
      task: The one it has, if it does not roll.
      options: Further facts of its cases, as :class:`Case` has them.
    """

    about: str
    shapes: tuple[Shape, ...]
    task: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


SUITES = {
    "sequence": Suite("a roll over six shapes: the record", RECORD),
    "growth-steps": Suite(
        "a roll as T grows", tuple(Shape(16, t, 64, 64) for t in (16, 64, 256, 1024))
    ),
    "growth-batch": Suite(
        "a roll as B grows", tuple(Shape(b, 64, 64, 128) for b in (1, 4, 16, 64, 256))
    ),
    "growth-hidden": Suite(
        "a roll as H grows",
        tuple(Shape(16, 64, 64, h) for h in (32, 64, 128, 256, 512)),
    ),
    "stacked": Suite("two layers", LAYERED, options={"layers": 2}),
    "ragged": Suite(
        "both directions, rows of different lengths",
        LAYERED,
        options={"bidirectional": True, "ragged": True},
    ),
    "latency": Suite(
        "one step at batch 1, streaming",
        tuple(Shape(1, 1, h, h) for h in (64, 256, 512)),
        task="step",
    ),
    "decode": Suite(
        "a greedy loop over a vocabulary of I",
        (Shape(1, 128, 64, 256), Shape(16, 128, 64, 256)),
        task="decode",
    ),
    "compile": Suite(
        "time to trace, lower and compile a roll",
        (Shape(16, 128, 64, 64), Shape(1, 512, 128, 128)),
        options={"measure": "compile"},
    ),
    "memory": Suite(
        "temporaries of training as T grows",
        LONG,
        task="training",
        options={"measure": "memory"},
    ),
    "memory-sqrt": Suite(
        "the same with remat='sqrt'",
        LONG,
        task="training",
        options={"measure": "memory", "memory": "sqrt"},
    ),
}
"""A further suite is one more entry."""


def cases(name: str, choice: Choice) -> Iterator[Case]:
    """Lists the cases of a suite, narrowed to a choice."""
    suite = SUITES[name]
    tasks = (suite.task,) if suite.task else choice.tasks
    for dtype in choice.dtypes:
        for cell in choice.cells:
            for task in tasks:
                for shape in choice.shapes or suite.shapes:
                    facts = {"cell": cell, "task": task, "shape": shape, "dtype": dtype}
                    yield Case(suite=name, **facts, **suite.options)
