"""``run``: measures, writes the record and shows the table."""

import argparse
from datetime import datetime
from pathlib import Path

from benchmarks.commands.choosing import add_options, read_options
from benchmarks.commands.parser import Commands
from benchmarks.report.page import page, summary
from benchmarks.report.record import Run
from benchmarks.running.campaign import run_campaign
from benchmarks.running.processes import run_flag_sets

ABOUT = """\
Measures, and writes a JSON record with a Markdown page beside it. Lists are separated
by commas, and "all" stands for everything; see python -m benchmarks list. Every library
has as many threads as this process has cores: restrict them all with taskset. Stop at
any time with Ctrl-C: what was measured is kept.
"""
INTERRUPTED = 130


def add(commands: Commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("run", help="measure", description=ABOUT)
    add_options(command)
    command.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs, showing what was measured even if it was interrupted."""
    options = read_options(arguments)
    output = arguments.output or _new_file()

    def keep(run: Run) -> None:
        run.save(output)

    measure = run_flag_sets if options.flag_sets else run_campaign
    run = measure(options, keep)
    if arguments.flags_name is None:
        _show(run, output, quiet=options.quiet)
    return INTERRUPTED if run.interrupted else 0


def _show(run: Run, output: Path, *, quiet: bool) -> None:
    beside = output.with_suffix(".md")
    beside.write_text(page(run))
    if not quiet:
        print(f"\n{summary(run)}\n\nWritten: {output} and, with every detail, {beside}")


def _new_file() -> Path:
    return Path("runs") / f"benchmark-{datetime.now():%Y%m%d-%H%M%S}.json"
