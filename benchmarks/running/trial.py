"""One case: every peer made ready, checked against ours, and measured in turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from benchmarks.measure.agreement import disagreement
from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.measure.turns import Budget, Samples, steady_turn, take_turns
from benchmarks.peers.catalogue import OURS
from benchmarks.peers.peer import Peer
from benchmarks.running.reasons import reason_of
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data, draw
from benchmarks.workload.work import Work, work


@dataclass
class Trial:
    """What came of one case; filled as it goes, so that an interruption leaves it.

    Args:
      case: What was to be done.
      excluded: For each peer that was not measured, the status of its row and why.
      programs: Those that agree with ours.
      samples: What was measured of them.
      work: What the case asks for.
    """

    case: Case
    excluded: dict[str, tuple[str, str]] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    samples: Samples = field(default_factory=dict)
    work: Work | None = None


def conduct(
    trial: Trial,
    peers: Mapping[str, Peer],
    device: Device,
    budget: Budget,
    notify: Callable[[str], None] = lambda _: None,
) -> None:
    """Prepares, checks and measures a case on a device.

    Args:
      trial: Filled with what comes of it.
      peers: By name; ours, which the others must agree with, is among them.
      device: Where the case is run.
      budget: How long to measure.
      notify: Told what is being done.
    """
    with jax.enable_x64(trial.case.dtype == "float64"), jax.default_device(device):
        data = draw(trial.case)
        trial.work = work(trial.case, data)
        make = {
            name: partial(peer.prepare, trial.case, data, device)
            for name, peer in peers.items()
        }
        expected = None
        for name in sorted(peers, key=lambda name: name != OURS):
            notify(f"checking {name}")
            expected = _admit(
                trial, name, peers[name], make[name], expected, data, device
            )
        notify("measuring")
        _MEASURES[trial.case.measure](trial, make, budget)


def _admit(
    trial: Trial,
    name: str,
    peer: Peer,
    make: Callable[[], Program],
    expected: dict[str, Any] | None,
    data: Data,
    device: Device,
) -> dict[str, Any] | None:
    """Lets a peer in if it agrees with ours; gives what ours computes."""
    if name != OURS and expected is None:
        trial.excluded[name] = ("skipped", f"{OURS} did not run: nothing to agree with")
    elif reason := peer.refuses(trial.case, device):
        trial.excluded[name] = ("skipped", reason)
    else:
        try:
            program = make()
            found = _where_valid(program.result(), data.lengths)
        except Exception as error:  # Whatever a peer raises is its own affair.
            trial.excluded[name] = ("failed", reason_of(error))
            return expected
        expected = found if expected is None else expected
        if reason := disagreement(expected, found, dtype=trial.case.dtype):
            trial.excluded[name] = ("differs", reason)
        else:
            trial.programs[name] = program
    return expected


def _where_valid(result: dict[str, Any], lengths: np.ndarray) -> dict[str, Any]:
    # What a library leaves in the padding is its own affair.
    if "ys" not in result:
        return result
    ys = result["ys"]
    valid = np.arange(len(ys))[:, None, None] < lengths[:, None]
    return result | {"ys": np.where(valid, ys, np.zeros_like(ys))}


def _time(trial: Trial, make: Mapping[str, Any], budget: Budget) -> None:
    turns = {
        name: partial(steady_turn, program, budget)
        for name, program in trial.programs.items()
    }
    take_turns(turns, budget, trial.samples, partial(_drop, trial))


def _drop(trial: Trial, name: str, error: Exception) -> None:
    del trial.programs[name]
    trial.excluded[name] = ("failed", reason_of(error))


def _compile(trial: Trial, make: Mapping[str, Any], budget: Budget) -> None:
    def prepare_again(name: str) -> float:
        return make[name]().preparation

    _exclude_uncompiled(trial)
    turns = {name: partial(prepare_again, name) for name in trial.programs}
    take_turns(turns, budget, trial.samples, partial(_drop, trial))


def _memory(trial: Trial, make: Mapping[str, Any], budget: Budget) -> None:
    _exclude_uncompiled(trial)
    for name, program in trial.programs.items():
        if program.facts is not None:
            trial.samples[name] = [float(program.facts.temporaries)]


def _exclude_uncompiled(trial: Trial) -> None:
    for name in [n for n, p in trial.programs.items() if p.preparation is None]:
        del trial.programs[name]
        trial.excluded[name] = ("skipped", f"{name} is not compiled by XLA")


_MEASURES = {"time": _time, "compile": _compile, "memory": _memory}
