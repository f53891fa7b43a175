"""Records made by hand, for tests of what is written from them."""

from benchmarks.report.record import Row, Run, Value
from benchmarks.workload.case import Case
from benchmarks.workload.shape import Shape

CASE = Case(suite="sequence", cell="lstm", task="forward", shape=Shape(2, 3, 4, 5))

ENVIRONMENT = {
    "started": "2030-01-02T03:04:05+00:00",
    "processor": "Planted",
    "cores": 2,
    "memory_gib": 8.0,
    "system": "Linux",
    "python": "3.11.1",
    "versions": {"jax": "1.0"},
    "commit": "abc",
    "modified": False,
    "flags": "",
    "precision": "highest",
    "load_start": 0.1,
    "load_end": 0.2,
    "arguments": [],
}


def row(peer, seconds, *, noise=0.02, case=CASE, **facts):
    """A measurement with quartiles at ``±noise`` around its median."""
    value = Value(seconds, seconds * (1 - noise), seconds * (1 + noise), 9)
    facts = {"status": "measured", "value": value} | facts
    return Row(case=case, backend="cpu", flags="", peer=peer, **facts)


def run(*rows):
    """A record of some rows."""
    limit = {"backend": "cpu", "device": "cpu", "dtype": "float32", "flags": ""}
    rates = {
        "flops_per_second": 1e11,
        "copies": [{"bytes": 9, "bytes_per_second": 1e9}],
    }
    return Run(dict(ENVIRONMENT), ceilings=[limit | rates], rows=list(rows))
