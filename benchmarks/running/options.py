"""What a run is asked for."""

from dataclasses import dataclass, field

from benchmarks.measure.turns import Budget
from benchmarks.suites import Choice


@dataclass(frozen=True)
class Options:
    """The options of ``run``, checked.

    Args:
      backends: In the order they are run.
      suites: Names of suites.
      choice: What the suites are narrowed to.
      against: Names of peers beside ours.
      budget: How long each case is measured.
      precision: Of float32 products on an accelerator.
      flag_sets: XLA flag sets to compare, each in a process of its own.
      flags: The set this process was started with.
      quiet: Whether to leave out the progress bar and the tables.
      arguments: The command line, without the names of files.
    """

    backends: tuple[str, ...]
    suites: tuple[str, ...]
    choice: Choice
    against: tuple[str, ...]
    budget: Budget = field(default_factory=Budget)
    precision: str = "highest"
    flag_sets: tuple[str, ...] = ()
    flags: str = ""
    quiet: bool = False
    arguments: tuple[str, ...] = ()
