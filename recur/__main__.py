"""``python -m recur``: trains a character-level language model and shows it working.

This file reads the arguments, keeps the run going and reports; what is computed is in
:mod:`recur.tasks.language_model`.
"""

import argparse
import sys
from typing import Any

from recur._app import interrupt
from recur._distribution import install

if __name__ == "__main__":
    interrupt.install()

import jax

try:
    from recur._app.run import Run
    from recur._app.terminal import flush, say
    from recur.tasks.language_model import CELLS
except ModuleNotFoundError as missing:
    sys.exit(
        f"python -m recur: the package {missing.name} is not installed; the command "
        f"needs the extra 'train'. Install it with {install('train')}."
    )


def positive(text: str) -> int:
    """Reads a positive integer argument."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} came; expected 1 or more")
    return number


def not_negative(kind: type) -> Any:
    """Makes a reader of arguments of 0 or more."""

    def read(text: str) -> Any:
        number = kind(text)
        if not number >= 0:
            raise argparse.ArgumentTypeError(f"{text} came; expected 0 or more")
        return number

    read.__name__ = kind.__name__
    return read


def make_parser() -> argparse.ArgumentParser:
    """Makes the parser; what defines a run is left out of it until it is given."""
    parser = argparse.ArgumentParser(
        prog="python -m recur",
        description="Train a character-level language model, and let it write.",
    )
    run = parser.add_argument_group("the run", argument_default=argparse.SUPPRESS)
    add = run.add_argument
    add("--text", metavar="FILE", help="UTF-8 text (default: Python's documentation)")
    add("--cell", choices=sorted(CELLS), help="default: lstm")
    add("--layers", type=positive, metavar="N", help="default: 1")
    add("--hidden", type=positive, metavar="N", help="units a layer (default: 256)")
    add("--batch", type=positive, metavar="N", help="texts side by side (default: 32)")
    add("--window", type=positive, metavar="N", help="steps of BPTT (default: 64)")
    add("--seed", type=not_negative(int), metavar="N", help="default: 0")
    add("--steps", type=not_negative(int), metavar="N", help="default: 1000")
    add = parser.add_argument
    add("--backend", choices=["cpu", "gpu", "tpu"], default="cpu", help="default: cpu")
    add("--out", metavar="DIR", help="where to write (default: runs/TIME)")
    add("--resume", metavar="DIR", help="go on with the run in DIR")
    add(
        "--sample",
        type=not_negative(int),
        default=400,
        metavar="N",
        help="characters to write",
    )
    add("--temperature", type=not_negative(float), default=0.7, metavar="T")
    add("--prompt", metavar="TEXT", help="what the sample continues")
    return parser


def choose_backend(name: str) -> None:
    """Makes JAX use one backend.

    Raises:
      ValueError: If it is not on this machine.
    """
    try:
        jax.config.update("jax_default_device", jax.devices(name)[0])
    except RuntimeError:
        raise ValueError(
            f"backend: '{name}' is not available to JAX here; expected one that is. "
            "Use --backend cpu, or install the JAX build for it."
        ) from None


# What bad luck ends in, outside the program; all else is a fault of it.
MISHAPS = (OSError, MemoryError, jax.errors.JaxRuntimeError)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    interrupt.on_stop.sentence = interrupt.NOTHING
    try:
        return follow(options, parser.prog)
    except KeyboardInterrupt:  # Where somebody else's handler is installed.
        say(f"\n{interrupt.on_stop.sentence}", error=True)
        return interrupt.STATUS


def follow(options: argparse.Namespace, prog: str) -> int:
    """Does what the options say, and returns the exit status."""
    try:
        if options.resume is not None and options.out is not None:
            raise ValueError(
                "out: it came with resume; expected one of them. A resumed run goes on "
                "in its own directory, so leave --out away."
            )
        choose_backend(options.backend)
        run = Run(options)
    except (ValueError, *MISHAPS) as error:
        say(f"{prog}: {in_a_sentence(error)}", error=True)
        return 2
    try:
        run.describe()
        run.train()
        run.report()
        run.write(options.sample, options.temperature)
    except MISHAPS as error:
        say(f"{prog}: {in_a_sentence(error)} {after(run)}", error=True)
        return 2
    finally:
        run.close()
    return 0


def in_a_sentence(error: Exception) -> str:
    """Says what went wrong; what is a fault of the program is raised again."""
    if isinstance(error, jax.errors.JaxRuntimeError):
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise error
        return "memory: it is used up; expected smaller --hidden, --batch or --window."
    return " ".join(str(error).split()) or "memory: it is used up."


def after(run: Run) -> str:
    """Says how to go on after a mishap, if anything is left to go on from."""
    found = run.checkpoints.directory.glob("[0-9]*")
    if any(path.name.isdecimal() for path in found):
        return f"Mend that, and {run.how_to_go_on()}"
    return "Nothing of the run is left there: put it back, or begin again."


if __name__ == "__main__":
    try:
        status = main()
        interrupt.ignore()
    finally:
        flush()
    sys.exit(status)
