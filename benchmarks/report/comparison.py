"""Two records beside each other: what became slower or faster, and what is noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from tabulate import tabulate

from benchmarks.peers.catalogue import OURS, PLAIN
from benchmarks.report.record import Row, Run
from benchmarks.report.wording import case_name, with_spread


@dataclass(frozen=True)
class Change:
    """One measurement in two records.

    Args:
      before: In the first.
      after: In the second.
      ratio: Of the medians, after to before; above one is slower or larger.
      low: The same of the quartiles that lie closest, if it got slower.
      high: Of those that lie farthest.
      drift: The median ratio of the other libraries in this case, which did not change
        but for the machine; one if there are none.
    """

    before: Row
    after: Row
    ratio: float
    low: float
    high: float
    drift: float = 1.0

    def verdict(self, threshold: float) -> str:
        """Says ``slower``, ``faster`` (of bytes ``larger``, ``smaller``) or ``same``.

        A change counts if, drift taken out, the medians differ by more than the
        threshold and the quartiles do not overlap.
        """
        ratio, low, high = (x / self.drift for x in (self.ratio, self.low, self.high))
        if ratio > 1 + threshold and low > 1:
            return "slower" if self.after.unit == "s" else "larger"
        if ratio < 1 / (1 + threshold) and high < 1:
            return "faster" if self.after.unit == "s" else "smaller"
        return "same"


def changes(before: Run, after: Run) -> list[Change]:
    """Pairs the measurements that both records have, and finds the drift of each."""
    olds = {row.key: row for row in before.rows}
    pairs = [(olds.get(row.key), row) for row in after.rows]
    found = [_change(old, new) for old, new in pairs if old and old.value and new.value]
    return [replace(change, drift=_drift(change, found)) for change in found]


def _drift(change: Change, found: Sequence[Change]) -> float:
    # Ours change with our code; that of the others does not. Bytes do not drift.
    others = [
        other.ratio
        for other in found
        if other.after.key[:3] == change.after.key[:3]
        and other.after.peer not in (OURS, PLAIN, change.after.peer)
        and other.after.unit == "s"
    ]
    return median(others) if others else 1.0


def regressions(
    found: Sequence[Change], threshold: float, *, peer: str = OURS
) -> list[Change]:
    """Picks what got worse; of our rows, since a peer's are not ours to mend."""
    worse = ("slower", "larger")
    return [
        change
        for change in found
        if change.after.peer == peer and change.verdict(threshold) in worse
    ]


def lost(before: Run, after: Run) -> list[Row]:
    """Lists what the first record measured and the second did not."""
    measured = {row.key for row in after.rows if row.value}
    return [row for row in before.rows if row.value and row.key not in measured]


def table(found: Sequence[Change], threshold: float) -> str:
    """Writes one line a measurement: both medians, their ratio and its noise."""
    lines = [_line(change, threshold) for change in found]
    headers = [
        "case",
        "B,T,I,H",
        "peer",
        "before",
        "after",
        "ratio",
        "noise",
        "drift",
        "",
    ]
    align = ("left", "right", "left", *["right"] * 5, "left")
    return tabulate(
        lines, headers, tablefmt="github", disable_numparse=True, colalign=align
    )


def circumstances(before: Run, after: Run) -> list[str]:
    """Lists what else differs between the records, and may explain a ratio."""
    old, new = before.environment, after.environment
    facts = [
        k for k in ("processor", "cores", "system", "python", "flags", "precision")
    ]
    notes = [_differs(k, old[k], new[k]) for k in facts]
    for name in sorted(set(old["versions"]) & set(new["versions"])):
        notes.append(_differs(name, old["versions"][name], new["versions"][name]))
    rates = {_limit(c): c["flops_per_second"] for c in before.ceilings}
    for ceiling in after.ceilings:
        if rate := rates.get(_limit(ceiling)):
            ratio = ceiling["flops_per_second"] / rate
            device = f"{ceiling['device']} {ceiling['dtype']}"
            notes.append(
                f"matrix products on {device} ran at {ratio:.2f} times the rate"
            )
    return [note for note in notes if note]


def _limit(ceiling: dict[str, Any]) -> tuple[str, ...]:
    return (ceiling["device"], ceiling["dtype"], ceiling["flags"])


def _differs(name: str, old: object, new: object) -> str:
    return (
        "" if old == new else f"{name}: {old or 'none'} before, {new or 'none'} after"
    )


def _change(old: Row, new: Row) -> Change:
    assert old.value is not None
    assert new.value is not None
    return Change(
        old,
        new,
        ratio=_divide(new.value.median, old.value.median),
        low=_divide(new.value.low, old.value.high),
        high=_divide(new.value.high, old.value.low),
    )


def _divide(new: float, old: float) -> float:
    # A program without temporaries before and after is unchanged.
    if old == 0:
        return 1.0 if new == 0 else float("inf")
    return new / old


def _line(change: Change, threshold: float) -> list[str]:
    before, after = change.before, change.after
    assert before.value is not None
    assert after.value is not None
    verdict = change.verdict(threshold)
    return [
        case_name(after),
        str(after.case.shape),
        after.peer,
        with_spread(before.value, before.unit),
        with_spread(after.value, after.unit),
        f"{change.ratio:.2f}",
        f"{change.low:.2f}-{change.high:.2f}",
        f"{change.drift:.2f}",
        "" if verdict == "same" else f"**{verdict}**",
    ]
