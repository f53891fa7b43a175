"""Numbers as they are written: seconds, bytes, spread, and what they belong to."""

from benchmarks.report.record import Row, Value


def quantity(number: float, unit: str) -> str:
    """Writes a number of seconds in ms or of bytes in MiB, three digits long.

    Example:
      >>> quantity(0.0123456, "s"), quantity(2**20, "B")
      ('12.3', '1')
    """
    scaled = number * 1e3 if unit == "s" else number / 2**20
    return f"{scaled:.0f}" if scaled >= 1000 else f"{scaled:.3g}"


def unit_of(rows: list[Row]) -> str:
    """Names what the numbers of some rows are in: ``ms``, ``MiB``, or both."""
    names = {"s": "ms", "B": "MiB"}
    return " or ".join(names[unit] for unit in sorted({row.unit for row in rows}))


def spread(value: Value) -> float:
    """Half the distance of the quartiles, as a fraction of the median."""
    half = (value.high - value.low) / 2
    return half / value.median if value.median else 0.0


def with_spread(value: Value, unit: str) -> str:
    """Writes a median with its spread.

    Example:
      >>> with_spread(Value(0.01, 0.0095, 0.0105, 9), "s")
      '10 ±5%'
    """
    if value.turns == 1:
        return quantity(value.median, unit)
    return f"{quantity(value.median, unit)} ±{spread(value):.0%}"


def case_name(row: Row) -> str:
    """Names what a row was about, its shape left out."""
    parts = [row.case.label]
    parts += [] if row.case.measure == "time" else [f"({row.case.measure})"]
    parts += [] if row.backend == "cpu" else [f"on {row.backend}"]
    parts += [f"`{row.flags}`"] if row.flags else []
    return " ".join(parts)
