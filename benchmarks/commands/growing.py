"""``memory``: how temporaries of training grow, and what ``remat=`` does to them."""

import argparse
from functools import partial

from tabulate import tabulate

from benchmarks.commands.parser import Commands
from benchmarks.measure.growth import language_model, slopes, training_step

MIB = 2**20


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "memory", help="temporaries of training as T and the number of classes grow"
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[256, 1024, 4096, 16384],
        metavar="T",
        help="lengths of sequences (default: 256 to 16384)",
    )
    parser.add_argument(
        "--classes", type=int, default=10_000, metavar="V", help="default: 10000"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Prints both tables."""
    if min(arguments.steps) < 2 or arguments.classes < 1:
        raise ValueError(
            f"steps are {arguments.steps} and classes {arguments.classes}; expected "
            "lengths of 2 or more and a number of classes of 1 or more."
        )
    print(growth_table(sorted(set(arguments.steps))), "\n")
    print(classes_table(min(arguments.steps), arguments.classes))
    return 0


def growth_table(steps: list[int], *, batch: int = 16, size: int = 128) -> str:
    """Temporaries for each length, and the exponents of growth between them."""
    rows = []
    for remat in (None, "sqrt"):
        needed = [training_step(t, remat, batch=batch, size=size) for t in steps]
        growth = ", ".join(map(str, slopes(steps, needed)))
        rows.append([f"remat={remat!r}", *(n / MIB for n in needed), growth])
    heads = ["MiB, LSTM training", *(f"T = {t}" for t in steps), "exponents"]
    return _table(rows, heads)


def classes_table(steps: int, classes: int, *, batch: int = 32, size: int = 256) -> str:
    """Temporaries with the loss after the roll, and inside it."""
    of = partial(language_model, steps, batch=batch, size=size, classes=classes)
    after = of(within=False)
    rows: list[list[object]] = [["unroll, then the loss", after / MIB]]
    for remat in (None, "sqrt", 1):
        needed = of(remat)
        rows.append([f"unroll_loss, remat={remat!r}", needed / MIB])
    logits = steps * batch * classes * 4 / MIB
    rows.append(["(all logits once)", logits])
    return _table(rows, [f"T = {steps}, {classes} classes", "MiB"])


def _table(rows: list[list[object]], heads: list[str]) -> str:
    return tabulate(rows, heads, tablefmt="github", floatfmt=".1f")
