"""The one table of the README: every row of the record, losing ones included."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report.record import Row, Run
from benchmarks.report.tables import overview

START = "<!-- benchmarks: start; written by python -m benchmarks table -->"
END = "<!-- benchmarks: end -->"


def readme_section(run: Run) -> str:
    """Writes the section: what was measured where, and the table."""
    rows = [row for row in run.rows if _in_readme(row)]
    if not rows:
        raise ValueError(
            "table: the record has no forward or training rows of the suite sequence; "
            "expected them for the README. Run with --suite sequence."
        )
    return f"{_opening(run)}\n\n{overview(rows)}\n\n{_closing(rows)}"


def with_section(readme: Path, section: str) -> str:
    """Gives the text of a README with the section between its markers.

    Raises:
      ValueError: If the file cannot be read or has no markers.
    """
    text = readme.read_text() if readme.is_file() else ""
    head, start, rest = text.partition(START)
    _, end, tail = rest.partition(END)
    if not (start and end):
        raise ValueError(
            f"table: {readme} has no place for the table; expected the lines {START!r} "
            f"and {END!r}. Put them where the table belongs."
        )
    return f"{head}{START}\n\n{section}\n\n{END}{tail}"


def _in_readme(row: Row) -> bool:
    return row.case.suite == "sequence" and row.case.measure == "time"


def _opening(run: Run) -> str:
    facts = run.environment
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items())
    return (
        f"Milliseconds a call, median ± half the distance of the quartiles, on "
        f"{facts['processor']}, {facts['cores']} cores; bold is the fastest of a line, "
        "with those that noise does not tell from it. Every peer had the same weights "
        "and inputs, and agreed with this library in outputs and gradients before it "
        f"was timed. {versions}; {facts['started'][:10]}."
    )


def _closing(rows: Sequence[Row]) -> str:
    reasons = {f"{r.peer}: {r.reason}" for r in rows if r.value is None and r.reason}
    missing = f"Left out: {'; '.join(sorted(reasons))}. " if reasons else ""
    return (
        f"{missing}Measure your own machine with `python -m benchmarks run --against "
        "all`."
    )
