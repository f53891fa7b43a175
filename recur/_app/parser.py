"""The arguments of the command, made of the settings of an application."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from recur.tasks.task import Task


def number(kind: type, least: float) -> Callable[[str], Any]:
    """Makes a reader of numbers that are not below another.

    Example:
      >>> number(int, 1)("3")
      3
    """

    def read(text: str) -> Any:
        value = kind(text)
        if not value >= least:
            raise argparse.ArgumentTypeError(f"{text} came; expected {least} or more")
        return value

    read.__name__ = kind.__name__
    return read


def make_parser(task: type[Task]) -> argparse.ArgumentParser:
    """Makes the parser; what defines a run is left out of it until it is given.

    Example:
      >>> from recur.tasks.text import Text
      >>> vars(make_parser(Text).parse_args(["--layers", "2"]))["layers"]
      2
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m recur {task.name}",
        description=f"{task.card.takes} → {task.card.gives}: {task.card.data}. "
        "python -m recur list shows what else there is.",
    )
    run = parser.add_argument_group("the run", argument_default=argparse.SUPPRESS)
    for made in fields(task.defaults):
        default = getattr(task.defaults, made.name)
        _add(run, made.name, made.metadata, default)
    add = parser.add_argument
    add(
        "--data",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where the data sets are (default: RECUR_DATA, else a stand-in)",
    )
    add("--backend", choices=["cpu", "gpu", "tpu"], default="cpu", help="default: cpu")
    add("--out", metavar="DIR", help=f"where to write (default: runs/{task.name}-TIME)")
    add("--resume", metavar="DIR", help="go on with the run in DIR")
    add(
        "--say",
        metavar="INPUT",
        help="use what was trained on this, and train no more: the run in --resume, or "
        "the newest in runs",
    )
    return parser


def _add(group: Any, name: str, told: Any, default: Any) -> None:
    says = told["says"]
    says = says if default is None else f"{says} (default: {default})"
    options: dict[str, Any] = {"help": says, "metavar": name.upper()}
    if told["choices"]:
        options = {"help": says, "choices": sorted(told["choices"])}
    elif told["kind"] in (int, float):
        options |= {"type": number(told["kind"], told["least"]), "metavar": "N"}
    group.add_argument(f"--{name.replace('_', '-')}", **options)


__all__ = ["make_parser", "number"]
