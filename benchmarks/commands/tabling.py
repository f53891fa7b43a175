"""``table``: writes the README's table from the results of record."""

import argparse
from pathlib import Path

from benchmarks.commands.parser import Commands
from benchmarks.report.readme import readme_section, with_section
from benchmarks.report.record import load

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "benchmarks" / "results" / "cpu.json"


def add(commands: Commands) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "table", help="write the README's table from the results of record"
    )
    say = command.add_argument
    say(
        "record",
        type=Path,
        nargs="?",
        default=RECORD,
        help="benchmarks/results/cpu.json",
    )
    say(
        "--readme",
        type=Path,
        default=ROOT / "README.md",
        help="README.md of the project",
    )
    say(
        "--check", action="store_true", help="write nothing; exit with 1 if out of date"
    )
    command.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Writes the table between the markers, or says whether it is up to date."""
    section = readme_section(load(arguments.record))
    text = with_section(arguments.readme, section)
    if not arguments.check:
        arguments.readme.write_text(text)
        return 0
    current = arguments.readme.read_text() == text
    if not current:
        print("The table is out of date; write it with python -m benchmarks table.")
    return 0 if current else 1
