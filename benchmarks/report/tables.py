"""The record as Markdown: one line a case, then one line a measurement."""

from collections.abc import Callable, Sequence

from tabulate import tabulate

from benchmarks.peers.catalogue import CATALOGUE, OURS
from benchmarks.report.record import Row, Run
from benchmarks.report.wording import case_name, quantity, unit_of, with_spread

Group = dict[str, Row]
"""The rows of one case, by peer."""


def overview(rows: Sequence[Row]) -> str:
    """Writes one line a case and one column a peer.

    Bold are the smallest and those that noise does not tell from it, their quartiles
    overlapping.
    """
    groups = group_by_case(rows)
    peers = peers_of(rows)
    lines = [
        [case_name(row), str(row.case.shape), *(_cell(group, p) for p in peers)]
        for group in groups
        if (row := next(iter(group.values())))
    ]
    return table(["case", "B,T,I,H", *peers], lines)


def details(rows: Sequence[Row]) -> str:
    """Writes one line a measurement, with everything known about it."""
    lines = []
    for group in group_by_case(rows):
        for row in group.values():
            if row.value is not None:
                start = [case_name(row), str(row.case.shape), row.peer]
                lines.append(
                    [*start, *(write(row, group) for write in _COLUMNS.values())]
                )
    return table(["case", "B,T,I,H", "peer", *_COLUMNS], lines)


def exclusions(run: Run) -> str:
    """Lists what was asked for and not measured, each with its reason."""
    reasons: dict[tuple[str, str, str], list[Row]] = {}
    for row in run.rows:
        if row.value is None:
            key = (row.peer, row.status, row.reason or "")
            reasons.setdefault(key, []).append(row)
    lines = [f"- {a['name']}: skipped: {a['reason']}" for a in run.absent]
    for (peer, status, reason), rows in reasons.items():
        names = sorted({row.case.cell + " " + row.case.task for row in rows})
        lines.append(f"- {peer}: {status}: {reason} ({', '.join(names)})")
    return "\n".join(lines)


def ceilings(run: Run) -> str:
    """Says what the machine can do at best."""
    lines = []
    for limit in run.ceilings:
        slowest = limit["copies"][-1]["bytes_per_second"]
        flags = f" `{limit['flags']}`" if limit["flags"] else ""
        lines.append(
            f"- {limit['device']} {limit['dtype']}{flags}: products at "
            f"{limit['flops_per_second'] / 1e9:.0f} GFLOP/s, copies at "
            f"{slowest / 1e9:.0f} GB/s from main memory"
        )
    return "\n".join(lines)


def group_by_case(rows: Sequence[Row]) -> list[Group]:
    """Gathers the rows of each case, in the order they were measured."""
    groups: dict[object, Group] = {}
    for row in rows:
        group = groups.setdefault((row.case, row.backend, row.flags), {})
        group[row.peer] = row
    return list(groups.values())


def peers_of(rows: Sequence[Row]) -> list[str]:
    """Lists the peers that appear, ours first."""
    present = {row.peer for row in rows}
    return [name for name in CATALOGUE if name in present]


def _cell(group: Group, peer: str) -> str:
    row = group.get(peer)
    if row is None or row.value is None:
        return row.status if row else "-"
    text = with_spread(row.value, row.unit)
    best = min((r.value for r in group.values() if r.value), key=lambda v: v.median)
    # Bold alone would make a winner of what noise does not tell apart.
    return f"**{text}**" if row.value.low <= best.high else text


def _ratio(row: Row, group: Group) -> str:
    ours = group.get(OURS)
    if row.value is None or ours is None or not (ours.value and ours.value.median):
        return ""
    return f"{row.value.median / ours.value.median:.2f}"


def _stage(name: str) -> Callable[[Row, Group], str]:
    def write(row: Row, _: Group) -> str:
        return quantity(row.stages[name], "s") if name in row.stages else ""

    return write


_COLUMNS: dict[str, Callable[[Row, Group], str]] = {
    "median": lambda row, _: with_spread(row.value, row.unit) if row.value else "",
    "unit": lambda row, _: unit_of([row]),
    f"to {OURS}": _ratio,
    "of ceiling": lambda row, _: "" if row.fraction is None else f"{row.fraction:.0%}",
    "temporaries, MiB": lambda row, _: (
        "" if row.temporaries is None else quantity(row.temporaries, "B")
    ),
    "loop ops": lambda row, _: "+".join(map(str, row.loop_ops or ())),
    "trace, ms": _stage("trace"),
    "lower, ms": _stage("lower"),
    "compile, ms": _stage("compile"),
    "first call, ms": _stage("first"),
}


def table(headers: list[str], lines: list[list[str]]) -> str:
    """Writes a table in Markdown, words left and numbers right."""
    # Numbers are written already: tabulate must not read them again.
    align = ["left" if h in ("", "case", "peer", "unit") else "right" for h in headers]
    return tabulate(
        lines, headers, tablefmt="github", disable_numparse=True, colalign=align
    )
