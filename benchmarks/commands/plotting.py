"""``plot``: draws a record."""

import argparse
from pathlib import Path

import matplotlib as mpl

from benchmarks.commands.parser import Commands
from benchmarks.report.plots import draw_all
from benchmarks.report.record import load


def add(commands: Commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("plot", help="draw a record as PNG pictures")
    command.add_argument("record", type=Path, metavar="A.json")
    command.add_argument(
        "--output", type=Path, help="folder for the pictures (beside the record)"
    )
    command.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Draws one picture a suite and cell, and names the files."""
    mpl.use("Agg")
    run = load(arguments.record)
    files = draw_all(run, arguments.output or arguments.record.with_suffix(""))
    if not files:
        raise ValueError(
            f"plot: {arguments.record} has no measurements; expected some to draw. "
            "See its list of what was not measured."
        )
    for file in files:
        print(file)
    return 0
