"""The front of the command: which command, and how its mistakes are told."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.commands import (
    comparing,
    curing,
    growing,
    linear,
    listing,
    plotting,
    running,
    tabling,
    tasking,
)
from benchmarks.commands.arguments import BRIEF, attach_flags

COMMANDS = (
    listing,
    running,
    comparing,
    plotting,
    growing,
    linear,
    curing,
    tasking,
    tabling,
)
ABOUT = """\
Times recurrent rolls on this machine: this library beside its peers, each beside what
the machine can do at best. Every peer gets the same weights and inputs, and is timed
only if its outputs and gradients agree with ours.

Without a command: forward and training of three cells against Flax, about a minute.
"""


def main(argv: Sequence[str]) -> int:
    """Runs the command line; gives the exit status.

    0 is success, 1 a slow-down found by ``compare`` or a table out of date, 2 a mistake
    in the arguments, 130 an interruption.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True)
    for command in COMMANDS:
        command.add(commands)
    arguments = parser.parse_args(attach_flags(argv or BRIEF))
    try:
        return arguments.execute(arguments)
    except ValueError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
