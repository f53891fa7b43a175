"""What a run is, apart from its data: sizes, seed, steps, and how each is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import jax

from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTM
from recur.compose.residual_block import ResidualBlock
from recur.initializers import Identity
from recur.linear_rnn.griffin import GriffinBlock
from recur.linear_rnn.lru import LRU
from recur.linear_rnn.min_gru import MinGRU
from recur.types import Cell


def _in_block(cell: Callable[..., Cell]) -> Callable[..., Cell]:
    return lambda *sizes, **options: ResidualBlock(cell(*sizes, **options))


CELLS = {
    "elman": Elman,
    "griffin": _in_block(GriffinBlock),
    "gru": GRU,
    "irnn": partial(Elman, activation=jax.nn.relu, recurrent_init=Identity()),
    "lru": _in_block(partial(LRU, r_min=0.9, r_max=0.999)),
    "lstm": LSTM,
    "min-gru": _in_block(MinGRU),
}
"""What a layer is made of; linear recurrences stand in a block that is not linear."""

PRODUCTS = {
    "elman": (1, 1),
    "griffin": (1, 7),
    "gru": (3, 3),
    "irnn": (1, 1),
    "lru": (1, 6),
    "lstm": (4, 4),
    "min-gru": (1, 4),
}
"""Of each cell the products with its input, and with a value of its own size."""

LARGEST = 2**31 - 1  # Of int32, in which JAX counts.
PROGRAM = 2**16  # Bytes of compiled code a layer, at the very least.


def option(
    default: Any,
    says: str,
    *,
    least: float = 1,
    most: float = LARGEST,
    choices: tuple[str, ...] | None = None,
    kind: type | None = None,
    free: bool = False,
) -> Any:
    """Makes a field of settings, which is an option of the command as well.

    Args:
      default: Its value where nobody asks for another.
      says: What it is, for ``--help``.
      least: The smallest number that is taken.
      most: The largest.
      choices: The words that are taken, all others being refused.
      kind: Its type, by default that of ``default``.
      free: Whether a run that goes on may have another.

    Example:
      >>> @dataclass(frozen=True)
      ... class Sizes(Settings):
      ...     window: int = option(64, "steps of BPTT")
      >>> Sizes(window=8).window
      8
    """
    told = {"says": says, "least": least, "most": most, "choices": choices}
    kind = kind or type(default)
    return field(default=default, metadata={**told, "kind": kind, "free": free})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all applications have; equal settings and data give equal runs."""

    cell: str = option("lstm", "the cell of a layer", choices=tuple(CELLS))
    layers: int = option(1, "layers of cells")
    hidden: int = option(256, "units a layer")
    batch: int = option(32, "sequences side by side")
    steps: int = option(1000, "steps of training", least=0, free=True)
    learning_rate: float = option(1e-2, "at its peak", least=1e-9, most=1e3)
    # JAX takes larger seeds for smaller ones.
    seed: int = option(0, "decides all that is drawn", least=0, most=2**32 - 1)

    def make_cell(self, **options: Any) -> Cell:
        """Makes one layer's cell."""
        return CELLS[self.cell](self.hidden, **options)

    def least_bytes(self, *, inputs: int = 1, outputs: int = 1, steps: int = 1) -> int:
        """Gives the least memory that training takes, from sizes alone.

        Weights are there four times, with their gradients and Adam's two moments; of
        each step of a batch stay its input, its gates, its output and its logits.

        Example:
          >>> Settings(cell="elman", hidden=10**6).least_bytes() > 16 * 10**12
          True
        """
        (of_input, own), hidden = PRODUCTS[self.cell], self.hidden
        below = inputs + (self.layers - 1) * hidden
        weights = hidden * (of_input * below + own * self.layers * hidden + outputs)
        values = inputs + outputs + self.layers * (of_input + 1) * hidden
        return 4 * (4 * weights + values * self.batch * steps) + PROGRAM * self.layers


def check_settings(given: dict[str, Any], kind: type[Settings]) -> None:
    """Refuses numbers that no run can have.

    Example:
      >>> check_settings({"seed": 2**32}, Settings)
      Traceback (most recent call last):
      ValueError: seed: 4294967296 came; expected 0 to 4294967295. Choose one of these.
    """
    for made in fields(kind):
        value, told = given.get(made.name), made.metadata
        if isinstance(value, (int, float)) and not (
            told["least"] <= value <= told["most"]
        ):
            raise ValueError(
                f"{made.name}: {value} came; expected {told['least']} to "
                f"{told['most']}. Choose one of these."
            )


__all__ = ["CELLS", "PRODUCTS", "Settings", "check_settings", "option"]
