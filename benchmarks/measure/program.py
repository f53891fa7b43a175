"""What a peer hands over: something to call, and what it costs to make."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STAGES = ("trace", "lower", "compile", "first")


class CompiledFacts(NamedTuple):
    """What XLA says of a compiled program.

    Args:
      temporaries: Bytes of scratch memory one call needs beside inputs and outputs.
      loop_ops: For each loop, the number of operations in its compiled body.
    """

    temporaries: int
    loop_ops: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A case, made ready by one peer.

    Args:
      call: Runs it once and waits for the outputs to be there.
      result: Runs it from the first carry, and gives what it computes by name, as
        NumPy arrays in this library's layout: ``carry`` and ``ys`` for a roll, ``ys``
        and gradients for training.
      stages: Seconds for each of :data:`STAGES` that the peer has.
      facts: Of the compiled program, if XLA compiled it.
    """

    call: Callable[[], Any]
    result: Callable[[], dict[str, Any]]
    stages: dict[str, float] = field(default_factory=dict)
    facts: CompiledFacts | None = None

    @property
    def preparation(self) -> float | None:
        """Seconds from Python function to executable, if there is a compiler."""
        if "compile" not in self.stages:
            return None
        return sum(self.stages[name] for name in ("trace", "lower", "compile"))
