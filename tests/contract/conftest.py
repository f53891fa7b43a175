"""Every law runs on every row, by each way to roll.

Those of rolls, marked ``of_rolls``, leave out rows whose steps are rolled as another's.
"""

import pytest

import recur
from recur._roll.chunked import tuning
from tests.cases import CASES
from tests.linear_cases import ROLLED_AS
from tests.support.tune import tune, tune_as_elsewhere

# The plain scan knows nothing of cells, so a few rows tell whether it is right.
SCANNED = {"elman-tanh", "lstm", "user-cell"}
ROWS = [(case, "chunked") for case in CASES]
ROWS += [(case, "scan") for case in CASES if case.name in SCANNED]
# What is chosen for other platforms, on this one.
ELSEWHERE = {"lstm", "gru", "elman-tanh", "user-cell"}
ROWS += [(case, "elsewhere") for case in CASES if case.name in ELSEWHERE]

# In the quick lane: each way to take a step apart, one that is not, and a composition.
BRIEF = {"elman-tanh", "lstm", "gru", "gru-reset-before", "lstm-peephole", "user-cell"}
BRIEF |= {"stack"}


def param(row, implementation):
    """What is not brief is slow."""
    brief = row.name in BRIEF and implementation == "chunked"
    name = f"{row.name}-{implementation}"
    marks = [] if brief else [pytest.mark.slow]
    return pytest.param((row, implementation), id=name, marks=marks)


def pytest_generate_tests(metafunc):
    """Lists the rows of a law."""
    if "case" in metafunc.fixturenames:
        alike = ROLLED_AS if any(metafunc.definition.iter_markers("of_rolls")) else ()
        rows = [param(*row) for row in ROWS if row[0].name not in alike]
        metafunc.parametrize("case", rows, indirect=True)


@pytest.fixture
def case(request, monkeypatch):
    """One row of the table of cells, rolled in one of the ways."""
    row, implementation = request.param
    apart = ("composed", "chunked", "scan")
    ways = "scan" if implementation == "scan" else apart
    monkeypatch.setitem(recur.unroll.__kwdefaults__, "implementation", ways)
    # Chunks of a few steps, so that there are several, and one that is shorter.
    monkeypatch.setattr(tuning, "even_steps", min)
    monkeypatch.setattr(tuning, "LINEAR_ENTRIES", 120)
    if implementation == "elsewhere":
        tune_as_elsewhere(monkeypatch, scan_unroll=2)
    else:
        tune(monkeypatch, chunk_rows=6, forward_entries=0)
    return row
