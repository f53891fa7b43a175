"""Series to forecast: where they are, and how each is cut."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recur.data.files import data_file, read_lines, wrong_format


class Series(NamedTuple):
    """A set of series, and how it is forecast."""

    folder: str
    file: str
    window: int  # steps that are read
    horizon: int  # steps that are forecast
    season: int = 1  # steps back to what naive repeats
    columns: slice = slice(-1, None)
    header: bool = True
    ends: tuple[float, float] = (0.7, 0.8)  # of training and validation, in shares


SERIES = {
    "sunspots": Series("timeseries", "monthly-sunspots.csv", 60, 1),
    "temperature": Series("timeseries", "daily-min-temperatures.csv", 30, 1),
    "passengers": Series("timeseries", "airline-passengers.csv", 24, 1),
    "co2": Series("timeseries", "co2-concentration.csv", 36, 1, columns=slice(1, 2)),
    "exchange": Series(
        "exchange_rate", "exchange_rate.txt*", 30, 24, columns=slice(None),
        header=False, ends=(0.6, 0.8),
    ),
    "ett": Series(
        "ett", "ETTh1.csv*", 96, 24, season=24, columns=slice(1, None),
        ends=(8640, 11520),
    ),
}  # fmt: skip


def read_series(directory: Path, kind: Series) -> np.ndarray:
    """Reads a set of series, ``[T, C]``.

    Example:
      >>> read_series(Path("nowhere"), SERIES["co2"])
      Traceback (most recent call last):
      ValueError: data: 'nowhere' has no timeseries/co2-concentration.csv; expected ...
    """
    path = data_file(directory, kind.folder, kind.file)
    return read_numbers(path, "data", kind.columns, header=kind.header)


def read_numbers(
    path: Path, argument: str, columns: slice, *, header: bool | None = None
) -> np.ndarray:
    """Reads columns of a table as ``[T, C]``; a first line of names is left out.

    Example:
      >>> read_numbers(Path("nowhere"), "say", slice(1))
      Traceback (most recent call last):
      ValueError: say: 'nowhere' is no file; expected one with a series.
    """
    if argument == "say" and not path.is_file():
        raise ValueError(f"say: '{path}' is no file; expected one with a series.")
    rows = [row for row in csv.reader(read_lines(path)) if row]
    start = header
    if start is None:
        start = any(c.isalpha() for cell in rows[:1] for text in cell for c in text)
    try:
        table = [[float(cell) for cell in row[columns]] for row in rows[int(start) :]]
        values = np.array(table, np.float32)
        if values.ndim != 2 or not np.isfinite(values).all() or not values.size:
            raise ValueError
    except ValueError:
        if argument == "say":
            raise ValueError(
                f"say: '{path}' is no series; expected a number a line, or a table "
                "whose last column has numbers."
            ) from None
        raise wrong_format(path, "a table of numbers", "a value is none") from None
    return values


__all__ = ["SERIES", "Series", "read_numbers", "read_series"]
