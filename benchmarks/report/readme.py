"""The one table of the README: ratios to other libraries, losing ones included."""

from pathlib import Path

from benchmarks.report.ratios import ratios
from benchmarks.report.record import Row, Run

START = "<!-- benchmarks: start; written by python -m benchmarks table -->"
END = "<!-- benchmarks: end -->"
TOLD = ("jax", "flax", "dm-haiku", "equinox", "keras", "PyTorch", "ONNX Runtime")


def readme_section(run: Run) -> str:
    """Writes the section: what was measured where, and the table."""
    rows = [row for row in run.rows if _in_readme(row)]
    if not rows:
        raise ValueError(
            "table: the record has no forward or training rows of the suite sequence; "
            "expected them for the README. Run with --suite sequence."
        )
    return f"{_opening(run)}\n\n{ratios(rows)}"


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
    names = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}
    versions = {names.get(n, n): v for n, v in facts["versions"].items()}
    told = ", ".join(f"{name} {v}" for name, v in versions.items() if name in TOLD)
    return (
        "How many times as fast as others, in the mean over shapes (worst to best "
        f"shape); below 1 this library loses. {facts['processor']}, {facts['cores']} "
        f"cores, float32, {facts['started'][:10]}; {told}."
    )
