"""The adding problem: two numbers of many are marked, and their sum is asked for."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import matplotlib.figure
import numpy as np

from recur.compose.readout import ReadoutParams
from recur.tasks.generated import Drawn, Generated
from recur.tasks.pictures import png
from recur.tasks.settings import CELLS, Settings, option
from recur.tasks.task import Card, Shown
from recur.types import Array


@dataclass(frozen=True, kw_only=True)
class AddingSettings(Settings):
    """Settings of the adding problem.

    Example:
      >>> AddingSettings().length
      600
    """

    cell: str = option("gru", "the cell of a layer", choices=tuple(CELLS))
    hidden: int = option(100, "units a layer")
    batch: int = option(50, "sequences side by side")
    learning_rate: float = option(3e-3, "at its peak", least=1e-9, most=1e3)
    length: int = option(600, "numbers in a sequence", least=4)


class Adding(Generated[AddingSettings]):
    """Adds two marked numbers of a long sequence.

    Example:
      >>> task = Adding(AddingSettings(hidden=4, length=10))
      >>> xs, targets = task.batch(0)
      >>> bool(np.allclose((xs[..., 0] * xs[..., 1]).sum(1), targets))
      True

    References:
      Hochreiter and Schmidhuber, `Long short-term memory
      <https://doi.org/10.1162/neco.1997.9.8.1735>`_, 1997.
    """

    name = "adding"
    card = Card(
        "numbers, two of them marked", "the sum of the two", "many-to-one",
        "drawn as it is needed", "10",
    )  # fmt: skip
    defaults = AddingSettings(steps=4000)
    measure = loss_unit = "squared error"
    higher_is_better = False
    sizes: ClassVar[tuple[int, int]] = (2, 1)
    every = 250

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draws numbers from 0 to 1, and marks one in each half."""
        length, rows = self.settings.length, np.arange(count)
        numbers, marks = rng.random((count, length)), np.zeros((count, length))
        marks[rows, rng.integers(0, length // 2, count)] = 1
        marks[rows, rng.integers(length // 2, length, count)] = 1
        xs = np.stack([numbers, marks], -1).astype(np.float32)
        return Drawn(xs, (numbers * marks).sum(1).astype(np.float32))

    def losses(self, ys: Array, targets: Array) -> Array:
        """Squares the error of the last output."""
        return (ys[-1, :, 0] - targets) ** 2

    def baselines(self) -> dict[str, float]:
        """Always says 1, the mean."""
        return {"always 1": float(np.mean((self.valid.targets - 1) ** 2))}

    def show(self, params: ReadoutParams) -> Shown:
        """Draws sums said beside the true ones."""
        xs = jnp.asarray(self.test.xs[:256])
        said = np.asarray(self.outputs(params, xs)[-1, :, 0])
        figure = matplotlib.figure.Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 2], [0, 2], color="gray", linewidth=0.8)
        axes.scatter(self.test.targets[:256], said, s=8)
        title = f"{self.settings.length} numbers, two of them marked"
        axes.set(xlabel="true sum", ylabel="sum that was said", title=title)
        return Shown(pictures={"sums": png(figure)})

    def say(self, params: ReadoutParams, text: str) -> str:
        """Adds what is marked, such as ``"0.2 0.5* 0.9 0.1*"``."""
        try:
            words = [(float(w.rstrip("*")), w.endswith("*")) for w in text.split()]
            if not words:
                raise ValueError
        except ValueError:
            raise ValueError(
                f"say: '{text}' is no list of numbers; expected some from 0 to 1, two "
                "with a star behind, such as '0.2 0.5* 0.9 0.1*'."
            ) from None
        return f"{float(self.outputs(params, jnp.array([words]))[-1, 0, 0]):.3f}"


__all__ = ["Adding", "AddingSettings"]
