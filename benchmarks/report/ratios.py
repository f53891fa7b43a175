"""How many times as fast as others: one line a kind of case, losing ones included."""

from collections.abc import Sequence
from math import exp, log

from benchmarks.peers.catalogue import OURS, PLAIN
from benchmarks.report.record import Row
from benchmarks.report.tables import Group, group_by_case, table
from benchmarks.report.wording import case_name

COMPILED = ("flax", "nnx", "haiku", "equinox", "keras")
"""What runs on XLA as this library does."""

AGAINST: dict[str, tuple[str, ...]] = {
    "the plain scan": (PLAIN,),
    "the fastest of Flax, Haiku, Equinox, Keras": COMPILED,
    "PyTorch": ("torch",),
    "ONNX Runtime": ("onnxruntime",),
}


def ratios(rows: Sequence[Row]) -> str:
    """Writes a line a cell and task: the mean ratio over shapes, the worst, the best.

    A ratio is a peer's median over ours, so below 1 this library loses. The mean is
    the geometric one. Of several peers each shape counts its fastest.
    """
    kinds: dict[str, list[Group]] = {}
    for group in group_by_case(rows):
        kinds.setdefault(case_name(next(iter(group.values()))), []).append(group)
    lines = [
        [name, *(_cell(groups, peers) for peers in AGAINST.values())]
        for name, groups in kinds.items()
    ]
    return table(["", *AGAINST], lines)


def _cell(groups: Sequence[Group], peers: Sequence[str]) -> str:
    found = [r for group in groups if (r := _ratio(group, peers)) is not None]
    if not found:
        return "-"
    mean = exp(sum(map(log, found)) / len(found))
    text = f"{mean:.2f} ({min(found):.2f} to {max(found):.2f})"
    whole = len(found) == len(groups)
    return text if whole else f"{text}, {len(found)} of {len(groups)} shapes"


def _ratio(group: Group, peers: Sequence[str]) -> float | None:
    ours = _median(group, OURS)
    theirs = [m for peer in peers if (m := _median(group, peer)) is not None]
    return min(theirs) / ours if theirs and ours else None


def _median(group: Group, peer: str) -> float | None:
    row = group.get(peer)
    return row.value.median if row and row.value else None


__all__ = ["AGAINST", "ratios"]
