"""Turns: programs timed one after another, round and round, in one process."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.measure.program import Program

Samples = dict[str, list[float]]
"""For each peer, what each of its turns measured."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Budget:
    """When a case has been measured enough.

    Args:
      seconds: Time for all peers together.
      least: Rounds that are taken even if they last longer.
      most: Rounds after which to stop even if time is left.
      turn: Seconds of one turn, unless a single call lasts longer.
    """

    seconds: float = 5.0
    least: int = 5
    most: int = 40
    turn: float = 0.02


def take_turns(
    turns: Mapping[str, Callable[[], float]],
    budget: Budget,
    samples: Samples,
    drop: Callable[[str, Exception], None],
    *,
    clock: Clock = time.perf_counter,
) -> None:
    """Goes round and round, so that a slow minute of the machine meets all alike.

    A turn is over when the process is at rest: threads that spin after their call
    would slow the next one.

    Args:
      turns: By name of the peer, a function that takes its turn and gives what it
        measured.
      budget: When to stop.
      samples: Filled as it goes, so that an interruption leaves what was measured.
      drop: Told the name and the error of a peer that fails; it has no more turns.
      clock: Gives seconds.
    """
    start, turns = clock(), dict(turns)
    for count in range(budget.most):
        if count >= budget.least and clock() - start > budget.seconds:
            return
        for name in _rotated(list(turns), count):
            rest()
            try:
                measured = turns[name]()
            except Exception as error:  # Whatever a peer raises is its own affair.
                del turns[name]
                drop(name, error)
            else:
                samples.setdefault(name, []).append(measured)


def _rotated(names: list[str], count: int) -> list[str]:
    # Whoever comes after a certain other one does so in no more rounds than the rest.
    first = count % len(names) if names else 0
    return names[first:] + names[:first]


def steady_turn(
    program: Program, budget: Budget, *, clock: Clock = time.perf_counter
) -> float:
    """Calls a program for one turn, and gives the median seconds of a call.

    The first call is not counted: it has the program's data back in the caches, and
    tells how many calls a turn has room for.
    """
    warm = _call(program, clock)
    count = max(1, min(1000, math.ceil(budget.turn / max(warm, 1e-7))))
    return median(_call(program, clock) for _ in range(count))


def rest(patience: float = 0.2) -> None:
    """Waits until no thread of this process is busy, or patience is over."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        busy, start = time.process_time(), time.perf_counter()
        time.sleep(0.001)
        share = (time.process_time() - busy) / (time.perf_counter() - start)
        if share < 0.2:
            return


def _call(program: Program, clock: Clock) -> float:
    start = clock()
    program.call()
    return clock() - start
