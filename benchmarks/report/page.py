"""A run as a page of Markdown, and in short for the terminal."""

from benchmarks.report.record import Row, Run
from benchmarks.report.tables import ceilings, details, exclusions, overview
from benchmarks.report.wording import unit_of


def summary(run: Run) -> str:
    """Writes what a reader of the terminal needs: a line a case, and what lacks."""
    return "\n\n".join(section for section in _opening(run) if section)


def page(run: Run) -> str:
    """Writes everything, for a file beside the record."""
    sections = [
        "# Benchmark",
        _circumstances(run),
        *_opening(run),
        "Every measurement:" if run.rows else "",
        details(run.rows) if run.rows else "",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _opening(run: Run) -> list[str]:
    if not run.rows:
        return ["Nothing was measured.", _missing(run)]
    stopped = "Stopped before its end; what was measured until then:"
    return [
        stopped if run.interrupted else "",
        f"Medians in {unit_of(run.rows)} ± half the distance of the quartiles; bold is "
        "the smallest of a line, with those that noise does not tell from it.",
        *_suites(run),
        "Ceiling of the machine, measured in this run:",
        ceilings(run),
        _missing(run),
    ]


def _suites(run: Run) -> list[str]:
    """Writes a table a suite, under its name."""
    suites: dict[str, list[Row]] = {}
    for row in run.rows:
        suites.setdefault(row.case.suite, []).append(row)
    return [f"Suite {name}:\n\n{overview(rows)}" for name, rows in suites.items()]


def _missing(run: Run) -> str:
    listed = exclusions(run)
    return f"Not measured:\n\n{listed}" if listed else ""


def _circumstances(run: Run) -> str:
    facts = run.environment
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python "
        f"{facts['python']}; {versions}; commit {facts['commit']}"
        f"{' with changes' if facts['modified'] else ''}; load average "
        f"{facts['load_start']} at the start, {facts['load_end']} at the end; "
        f"{facts['started']}."
    )
