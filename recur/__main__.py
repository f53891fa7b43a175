"""``python -m recur``: trains an application and shows it working.

This file reads the arguments, keeps the run going and reports; what is computed is in
:mod:`recur.tasks`.
"""

import argparse
import difflib
import os
import sys
from pathlib import Path

from recur._app import interrupt
from recur._distribution import install

if __name__ == "__main__":
    interrupt.install()

import jax

try:
    from recur._app.parser import make_parser
    from recur._app.run import Run
    from recur._app.terminal import flush, say
    from recur.tasks.catalogue import CLASSES, find, listing
    from recur.tasks.task import Task
except ModuleNotFoundError as missing:
    sys.exit(
        f"python -m recur: the package {missing.name} is not installed; the command "
        f"needs the extra 'train'. Install it with {install('train')}."
    )


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
    given = sys.argv[1:] if arguments is None else arguments
    named = bool(given) and not given[0].startswith("-")
    name, *rest = given if named else ["text", *given]
    interrupt.on_stop.sentence = interrupt.NOTHING
    try:
        if name == "list" and not rest:
            say(listing())
            return 0
        if name not in CLASSES:
            say(f"python -m recur: {unknown(name)}", error=True)
            return 2
        return run(find(name), rest, embedded=not named)
    except ModuleNotFoundError as missing:
        say(
            f"python -m recur {name}: the package {missing.name} is not installed; "
            f"expected the extra 'tasks'. Install it with {install('tasks')}.",
            error=True,
        )
        return 2
    except KeyboardInterrupt:  # Where somebody else's handler is installed.
        say(f"\n{interrupt.on_stop.sentence}", error=True)
        return interrupt.STATUS


def unknown(name: str) -> str:
    """Says that there is no such application, and which are near."""
    near = difflib.get_close_matches(name, CLASSES, n=1)
    hint = f"Did you mean {near[0]}?" if near else "python -m recur list shows them."
    return f"'{name}' is no application; expected one of {', '.join(CLASSES)}. {hint}"


def run(task: type[Task], arguments: list[str], *, embedded: bool) -> int:
    """Reads the options of an application, and follows them."""
    parser = make_parser(task)
    options = parser.parse_args(arguments)
    # Without a name the command is the same everywhere, whatever data is about.
    if not hasattr(options, "data") and options.resume is None and not embedded:
        options.data = os.environ.get("RECUR_DATA") or None
    return follow(task, options, parser.prog)


def follow(task: type[Task], options: argparse.Namespace, prog: str) -> int:
    """Does what the options say, and returns the exit status."""
    try:
        if options.resume is not None and options.out is not None:
            raise ValueError(
                "out: it came with resume; expected one of them. A resumed run goes on "
                "in its own directory, so leave --out away."
            )
        choose_backend(options.backend)
        if options.say is not None:
            return answer(task, options)
        run = Run(task, options)
    except (ValueError, *MISHAPS) as error:
        say(f"{prog}: {in_a_sentence(error)}", error=True)
        return 2
    try:
        run.describe()
        run.train()
        run.report()
    except MISHAPS as error:
        say(f"{prog}: {in_a_sentence(error)} {after(run)}", error=True)
        return 2
    finally:
        run.close()
    return 0


def answer(task: type[Task], options: argparse.Namespace) -> int:
    """Uses what was trained on the input of a user."""
    if options.resume is None:
        vars(options).pop("data", None)
        found = Path("runs").glob(f"{task.name}-*/checkpoints")
        newest = max((p.parent for p in found), default=None, key=lambda p: p.name)
        if newest is None:
            raise ValueError(
                f"say: there is no run of {task.name} in 'runs'; expected one that was "
                f"trained. Train with python -m recur {task.name}, or name the run by "
                "--resume DIR."
            )
        options.resume = str(newest)
    run = Run(task, options)
    try:
        run.answer(options.say)
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
