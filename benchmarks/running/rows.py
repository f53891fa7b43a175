"""From what came of a case to the rows of the record."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measure.ceiling import Ceiling
from benchmarks.report.record import Row, Value
from benchmarks.running.trial import Trial


def rows_of(trial: Trial, ceiling: Ceiling, *, backend: str, flags: str) -> list[Row]:
    """Makes a row of every peer that was measured or excluded."""
    common: dict[str, Any] = {"case": trial.case, "backend": backend, "flags": flags}
    measured = [
        Row(**common, peer=name, **_measured(trial, name, ceiling))
        for name in trial.programs
        if trial.samples.get(name)
    ]
    excluded = [
        Row(**common, peer=name, status=status, reason=reason)
        for name, (status, reason) in trial.excluded.items()
    ]
    return measured + excluded


def _measured(trial: Trial, name: str, ceiling: Ceiling) -> dict[str, Any]:
    program, value = trial.programs[name], _value(trial.samples[name])
    work = trial.work
    floor = ceiling.floor(work) if work and trial.case.measure == "time" else None
    return {
        "status": "measured",
        "unit": "B" if trial.case.measure == "memory" else "s",
        "value": value,
        "stages": program.stages,
        "flops": work.flops if work else None,
        "bytes": work.bytes if work else None,
        "fraction": floor / value.median if floor else None,
        "temporaries": program.facts.temporaries if program.facts else None,
        "loop_ops": program.facts.loop_ops if program.facts else None,
    }


def _value(samples: Sequence[float]) -> Value:
    low, median, high = (float(q) for q in np.quantile(samples, (0.25, 0.5, 0.75)))
    return Value(median, low, high, len(samples))
