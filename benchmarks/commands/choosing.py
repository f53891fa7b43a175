"""The options of ``run``: what they are called, and what they may be."""

import argparse
from pathlib import Path

from benchmarks.commands.arguments import FLAGS, names, one_of
from benchmarks.measure.agreement import TOLERANCE
from benchmarks.measure.turns import Budget
from benchmarks.peers.catalogue import CATALOGUE, GROUPS
from benchmarks.running.options import Options
from benchmarks.suites import ROLLS, SUITES, Choice
from benchmarks.workload.cells import CELLS, TEXTBOOK
from benchmarks.workload.shape import parse_shape

BACKENDS = ("cpu", "gpu", "tpu")
PRECISIONS = ("highest", "default")

_REPEATED = ("backends", "suite", "cells", "tasks", "against", "dtype", "precision")


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds the options of ``run``."""
    say = command.add_argument
    say("--backends", default="cpu", help="some of cpu, gpu, tpu (%(default)s)")
    say("--suite", default="sequence", help="suites (%(default)s)")
    say("--cells", default=",".join(TEXTBOOK), help="cells (%(default)s)")
    say("--tasks", default=",".join(ROLLS), help="kinds of roll (%(default)s)")
    say("--shapes", nargs="+", metavar="B,T,I,H", help="instead of the suite's own")
    say(
        "--against",
        default="plain,flax",
        help="peers; all libraries, or all steps with and "
        "without our roll, in a word (%(default)s)",
    )
    say("--dtype", default="float32", help="some of float32, bfloat16, float64")
    say(
        FLAGS,
        action="append",
        metavar="FLAGS",
        help="flags to compare with XLA's "
        "defaults, in a fresh process; give the option again for each further set",
    )
    say(
        "--precision",
        default="highest",
        help="of float32 products on an accelerator: "
        "highest, or default for the backend's own (%(default)s)",
    )
    say("--seconds", type=float, default=5.0, help="for each case (%(default)s)")
    say("--output", type=Path, help="JSON file (a new one in runs/)")
    say("--quiet", action="store_true", help="no progress bar and no tables")
    # How a fresh process is told the name of its flags.
    say("--flags-name", help=argparse.SUPPRESS)


def read_options(arguments: argparse.Namespace) -> Options:
    """Checks the arguments.

    Raises:
      ValueError: If one of them is none of those there are.
    """
    return Options(
        backends=names("--backends", arguments.backends, BACKENDS),
        suites=names("--suite", arguments.suite, SUITES),
        choice=_choice(arguments),
        against=_peers(arguments.against),
        budget=_budget(arguments.seconds),
        precision=one_of("--precision", arguments.precision, PRECISIONS),
        flag_sets=tuple(arguments.xla_flags or ()),
        flags=arguments.flags_name or "",
        quiet=arguments.quiet,
        arguments=_words(arguments),
    )


def _peers(text: str) -> tuple[str, ...]:
    return GROUPS.get(text) or names("--against", text, CATALOGUE)


def _choice(arguments: argparse.Namespace) -> Choice:
    shapes = arguments.shapes
    return Choice(
        cells=names("--cells", arguments.cells, CELLS),
        shapes=tuple(map(parse_shape, shapes)) if shapes else None,
        tasks=names("--tasks", arguments.tasks, ROLLS),
        dtypes=names("--dtype", arguments.dtype, TOLERANCE),
    )


def _budget(seconds: float) -> Budget:
    if not 0 < seconds < float("inf"):
        raise ValueError(
            f"--seconds: {seconds} is no time to measure for; expected a number above "
            "0, such as 5."
        )
    return Budget(seconds=seconds)


def _words(arguments: argparse.Namespace) -> tuple[str, ...]:
    words = [f"--{name}={getattr(arguments, name)}" for name in _REPEATED]
    words += [f"--seconds={arguments.seconds:g}"]
    return (*words, "--shapes", *arguments.shapes) if arguments.shapes else tuple(words)
