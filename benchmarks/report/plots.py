"""The record in pictures: points for shapes, lines where one size grows."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.peers.catalogue import CATALOGUE
from benchmarks.report.record import Row, Run
from benchmarks.report.tables import group_by_case, peers_of
from benchmarks.report.wording import case_name, unit_of
from benchmarks.workload.shape import Shape

# Each peer keeps its colour from picture to picture.
COLOURS = {name: f"C{n}" for n, name in enumerate(CATALOGUE)}
SCALES = {"s": 1e3, "B": 2**-20}


def draw_all(run: Run, folder: Path) -> list[Path]:
    """Draws one picture a suite and cell; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in run.rows:
        if row.value is not None:
            parts.setdefault((row.case.suite, row.case.cell), []).append(row)
    return [
        _save(_picture(rows), folder / f"{suite}-{cell}.png")
        for (suite, cell), rows in parts.items()
    ]


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _picture(rows: Sequence[Row]) -> Figure:
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(case_name(row), []).append(row)
    size = (1.6 + 5.4 * len(panels), 4.2)
    figure, axes = plt.subplots(
        1, len(panels), figsize=size, squeeze=False, layout="constrained"
    )
    for axis, (title, panel) in zip(axes[0], panels.items(), strict=True):
        grows = _growing([row.case.shape for row in panel])
        axis.set(title=title, ylabel=unit_of(panel), yscale="log")
        axis.yaxis.set_major_formatter("{x:g}")
        # Of the nine minor ticks of a decade, more labels than two run into each other.
        axis.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.grid(axis="y", which="both", alpha=0.3)
        _lines(axis, panel, grows) if grows else _points(axis, panel)
    _legend(figure, peers_of(rows))
    figure.suptitle(rows[0].case.suite)
    return figure


def _legend(figure: Figure, peers: Sequence[str]) -> None:
    marks = [Line2D([], [], color=COLOURS[peer], marker="o") for peer in peers]
    figure.legend(marks, peers, loc="outside right center", fontsize="small")


def _growing(shapes: Sequence[Shape]) -> str | None:
    """Names the one size in which the shapes differ, if there are three or more."""
    different = [
        name
        for name in Shape._fields
        if len({getattr(shape, name) for shape in shapes}) > 1
    ]
    few = len(set(shapes)) < 3
    return None if few or len(different) != 1 else different[0]


def _lines(axis: Axes, rows: Sequence[Row], size: str) -> None:
    for peer in peers_of(rows):
        own = [row for row in rows if row.peer == peer]
        x = [getattr(row.case.shape, size) for row in own]
        medians, errors = _heights(own)
        axis.errorbar(x, medians, errors, color=COLOURS[peer], marker="o", capsize=3)
    axis.set(xlabel=size, xscale="log")
    axis.set_xticks(
        sorted({getattr(row.case.shape, size) for row in rows}), minor=False
    )
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.xaxis.set_minor_locator(NullLocator())


def _points(axis: Axes, rows: Sequence[Row]) -> None:
    # Points, not bars: on a logarithmic axis the length of a bar means nothing.
    groups, peers = group_by_case(rows), peers_of(rows)
    width = 0.7 / len(peers)
    for n, peer in enumerate(peers):
        places = [p for p, group in enumerate(groups) if peer in group]
        medians, errors = _heights([groups[p][peer] for p in places])
        x = np.array(places) + width * (n - (len(peers) - 1) / 2)
        axis.errorbar(x, medians, errors, color=COLOURS[peer], fmt="o", capsize=2)
    shapes = [str(next(iter(group.values())).case.shape) for group in groups]
    axis.set_xticks(range(len(groups)), shapes, rotation=30, ha="right")


def _heights(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    found = [(row.value, SCALES[row.unit]) for row in rows if row.value is not None]
    values = np.array([[v.low * s, v.median * s, v.high * s] for v, s in found])
    low, median, high = values.T
    return median, np.stack([median - low, high - median])
