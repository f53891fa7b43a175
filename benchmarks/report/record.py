"""The record of a run: rows, and the circumstances they were measured in."""

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from benchmarks.workload.case import Case
from benchmarks.workload.shape import Shape

SCHEMA = Path(__file__).parents[1] / "schema.json"
VERSION = 1


@dataclass(frozen=True)
class Value:
    """A median over turns, with the quartiles around it."""

    median: float
    low: float
    high: float
    turns: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one peer made of one case; fields as in ``schema.json``."""

    case: Case
    backend: str
    flags: str
    peer: str
    status: str
    reason: str | None = None
    unit: str = "s"
    value: Value | None = None
    stages: dict[str, float] = field(default_factory=dict)
    flops: int | None = None
    bytes: int | None = None
    fraction: float | None = None
    temporaries: int | None = None
    loop_ops: tuple[int, ...] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two rows of different runs comparable."""
        return (self.case, self.backend, self.flags, self.peer)


@dataclass
class Run:
    """Everything a run leaves behind."""

    environment: dict[str, Any]
    ceilings: list[dict[str, Any]] = field(default_factory=list)
    absent: list[dict[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    interrupted: bool = False

    def absorb(self, other: "Run") -> None:
        """Takes over what another process measured."""
        self.ceilings += other.ceilings
        self.absent += [a for a in other.absent if a not in self.absent]
        self.rows += other.rows
        self.interrupted |= other.interrupted

    def save(self, path: Path) -> None:
        """Writes the record as JSON; a whole file or the old one, never half."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": VERSION, **asdict(self)}
        content["rows"] = [_row_to_json(row) for row in self.rows]
        draft = path.with_name(path.name + ".part")
        draft.write_text(json.dumps(content, indent=1) + "\n")
        draft.replace(path)


def load(path: Path) -> Run:
    """Reads a record and checks it against the schema.

    Raises:
      ValueError: If the file cannot be read or is no record of a run.
    """
    try:
        content = json.loads(path.read_text())
        jsonschema.validate(content, schema())
    except (OSError, json.JSONDecodeError, jsonschema.ValidationError) as error:
        first = str(getattr(error, "message", error)).splitlines()[0]
        raise ValueError(
            f"results: {path} holds no record ({first}); expected a JSON file written "
            "by python -m benchmarks run --output FILE."
        ) from error
    del content["schema"]
    content["rows"] = [_row_from_json(row) for row in content["rows"]]
    return Run(**content)


@cache
def schema() -> dict[str, Any]:
    """Reads the JSON schema, which says what every field means."""
    return json.loads(SCHEMA.read_text())


def _row_to_json(row: Row) -> dict[str, Any]:
    content = asdict(row)
    content["case"]["shape"] = row.case.shape._asdict()
    return content


def _row_from_json(content: dict[str, Any]) -> Row:
    case: dict[str, Any] = content["case"]
    loop_ops, value = content["loop_ops"], content["value"]
    whole: dict[str, Any] = {
        "case": Case(**{**case, "shape": Shape(**case["shape"])}),
        "value": Value(**value) if value else None,
        "loop_ops": None if loop_ops is None else tuple(loop_ops),
    }
    return Row(**content | whole)
