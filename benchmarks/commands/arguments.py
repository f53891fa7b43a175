"""Reading of arguments: comma lists of names, shapes, flag sets."""

from collections.abc import Collection, Sequence

from benchmarks.workload.shape import BRIEF as BRIEF_SHAPES

FLAGS = "--xla-flags"

BRIEF = [
    "run",
    "--against=flax",
    "--seconds=2",
    "--shapes",
    *map(str, BRIEF_SHAPES),
]
"""What runs when nothing is said."""


def names(option: str, text: str, known: Collection[str]) -> tuple[str, ...]:
    """Reads names separated by commas; ``all`` stands for every one.

    Raises:
      ValueError: If one of them is not known.
    """
    given = list(known) if text == "all" else [name.strip() for name in text.split(",")]
    for name in given:
        if name not in known:
            raise ValueError(
                f"{option}: {name!r} is not known; expected {', '.join(known)}, or "
                "several of them separated by commas. See python -m benchmarks list."
            )
    return tuple(dict.fromkeys(given))


def one_of(option: str, text: str, known: Collection[str]) -> str:
    """Reads one name.

    Raises:
      ValueError: If it is not known, or more than one.
    """
    (*more, name) = names(option, text, known)
    if more:
        raise ValueError(
            f"{option}: {text!r} names several; expected one of {', '.join(known)}."
        )
    return name


def attach_flags(argv: Sequence[str]) -> list[str]:
    """Joins ``--xla-flags`` to the word after it.

    Flags of XLA begin with two dashes themselves, and argparse would take them for
    options of ours.

    Example:
      >>> attach_flags(["run", "--xla-flags", "--xla_a=1 --xla_b=2"])
      ['run', '--xla-flags=--xla_a=1 --xla_b=2']
    """
    joined: list[str] = []
    words = iter(argv)
    for word in words:
        value = next(words, None) if word == FLAGS else None
        joined.append(word if value is None else f"{word}={value}")
    return joined
