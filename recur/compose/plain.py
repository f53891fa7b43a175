"""What acts in training only, and how to take it off a composition."""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from recur.compose.masks import Masked
from recur.compose.wrapper import Wrapper
from recur.types import Layer


@dataclass(frozen=True)
class Regulariser(Wrapper):
    """A cell around a cell that acts in training only: else it is the cell inside.

    Args:
      cell: The cell inside, the user's own included.
    """


def plain(cell: Any) -> Any:
    """Takes off a composition what acts in training only.

    :class:`Dropout`, :class:`VariationalDropout`, :class:`RecurrentDropout`,
    :class:`DropConnect` and :class:`ClipGradient` are the cell inside wherever no masks
    are drawn and nothing is differentiated, and have its params and its carry. A
    :class:`Zoneout` stays: without masks it mixes the mean of old and new. So the cell
    that comes evaluates as the one that went in.

    Args:
      cell: Any cell, at any depth of which there may be such.

    Returns:
      The cell without them, with the same params and carry.

    Example:
      >>> plain(Stack((Dropout(DropConnect(GRU(5), 0.5), 0.2), GRU(4))))
      Stack(cells=(GRU(hidden_size=5, ...), GRU(hidden_size=4, ...)))
    """
    if isinstance(cell, Regulariser):
        return plain(cell.cell)
    if not isinstance(cell, (Masked, Layer)) or not is_dataclass(cell):
        return cell
    parts = {f.name: getattr(cell, f.name) for f in fields(cell)}
    now = {name: _plain_part(part) for name, part in parts.items()}
    changed = {name: part for name, part in now.items() if part is not parts[name]}
    return replace(cell, **changed) if changed else cell


def _plain_part(part: Any) -> Any:
    if not isinstance(part, tuple):
        return plain(part)
    now = tuple(map(plain, part))
    return part if all(a is b for a, b in zip(now, part, strict=True)) else now


__all__ = ["plain"]
