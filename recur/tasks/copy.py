"""The copy task: ten symbols, a long pause, and the same ten again."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax

from recur.compose.readout import ReadoutParams
from recur.initializers import Chrono
from recur.tasks.generated import Drawn, Generated
from recur.tasks.pictures import png
from recur.tasks.settings import Settings, option
from recur.tasks.task import Card, Shown
from recur.types import Array

LETTERS = "abcdefgh"
SYMBOLS, COUNT = len(LETTERS), 10
BLANK, GO = SYMBOLS, SYMBOLS + 1


@dataclass(frozen=True, kw_only=True)
class CopySettings(Settings):
    """Settings of the copy task.

    Example:
      >>> CopySettings().delay
      100
    """

    hidden: int = option(128, "units a layer")
    batch: int = option(64, "sequences side by side")
    learning_rate: float = option(2e-2, "at its peak", least=1e-9, most=1e3)
    delay: int = option(100, "steps from the last symbol to the first to say")
    places: str = option("start", "of the symbols", choices=("start", "scattered"))


class Copy(Generated[CopySettings]):
    """Says ten symbols again after a long pause, or from wherever in it they stand.

    Those that are scattered have to be told from blanks, each at its own place: what is
    kept must depend on what is read, which no recurrence with fixed gates can do.

    Example:
      >>> task = Copy(CopySettings(hidden=4, delay=5))
      >>> xs, targets = task.batch(0)
      >>> xs.shape, bool((xs.argmax(-1)[0, :10] == targets[0]).all())
      ((64, 25, 10), True)

    References:
      Hochreiter and Schmidhuber, `Long short-term memory
      <https://doi.org/10.1162/neco.1997.9.8.1735>`_, 1997; Tallec and Ollivier, `Can
      recurrent neural networks warp time? <https://arxiv.org/abs/1804.11188>`_, 2018,
      for the forget bias; Gu and Dao, `Mamba <https://arxiv.org/abs/2312.00752>`_,
      2023, for the scattered symbols.
    """

    name = "copy"
    card = Card(
        "ten symbols and a pause", "the ten symbols", "many-to-many",
        "drawn as it is needed", "15",
    )  # fmt: skip
    defaults = CopySettings(steps=8000)
    measure = loss_unit = "nats a step"
    higher_is_better = False
    sizes: ClassVar[tuple[int, int]] = (SYMBOLS + 2, SYMBOLS + 1)
    every = 250

    def make_cell(self) -> Any:
        """An LSTM that forgets at first as slowly as it has to remember."""
        if self.settings.cell != "lstm":
            return self.settings.make_cell()
        return self.settings.make_cell(forget_bias=Chrono(self.settings.delay + COUNT))

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draws symbols among or before blanks, then a sign to go, and blanks."""
        symbols = rng.integers(0, SYMBOLS, (count, COUNT))
        places = np.tile(np.arange(COUNT), (count, 1))
        if self.settings.places == "scattered":
            free = rng.random((count, self.settings.delay + COUNT - 1))
            places = np.sort(free.argsort(axis=1)[:, :COUNT], axis=1)
        return Drawn(self._sequences(symbols, places), symbols.astype(np.int32))

    def _sequences(self, symbols: np.ndarray, places: np.ndarray) -> np.ndarray:
        ids = np.full((len(symbols), self.settings.delay + 2 * COUNT), BLANK)
        np.put_along_axis(ids, places, symbols, axis=1)
        ids[:, -COUNT - 1] = GO
        return np.eye(SYMBOLS + 2, dtype=np.float32)[ids]

    def losses(self, ys: Array, targets: Array) -> Array:
        """Cross entropy of all steps; before the end, a blank is to be said."""
        pause = jnp.full((len(ys) - COUNT, ys.shape[1]), BLANK, jnp.int32)
        labels = jnp.concatenate([pause, targets.T])
        nats = optax.softmax_cross_entropy_with_integer_labels(ys, labels)
        return nats.mean(0)

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Adds how many symbols are right."""
        said = self._said(params, self.test.xs)
        right = 100 * float(np.mean(said == self.test.targets))
        return super().figures(params) | {"test % right": right}

    def _said(self, params: ReadoutParams, xs: np.ndarray) -> np.ndarray:
        ys = self.outputs(params, jnp.asarray(xs))[-COUNT:, :, :SYMBOLS]
        return np.asarray(ys.argmax(-1)).T

    def baselines(self) -> dict[str, float]:
        """Says blanks, and at the end guesses."""
        steps = self.settings.delay + 2 * COUNT
        return {"no memory": COUNT * float(np.log(SYMBOLS)) / steps}

    def show(self, params: ReadoutParams) -> Shown:
        """Draws what is said at each step of one sequence."""
        xs = self.test.xs[:1]
        p = np.asarray(jax.nn.softmax(self.outputs(params, jnp.asarray(xs))[:, 0]))
        figure = matplotlib.figure.Figure(figsize=(10, 4), layout="constrained")
        above, below = figure.subplots(2, sharex=True)
        above.imshow(xs[0].T, aspect="auto", cmap="Greys", interpolation="nearest")
        above.set_yticks(range(SYMBOLS + 2), [*LETTERS, "blank", "go"], fontsize=7)
        below.imshow(p.T, aspect="auto", cmap="Greys", interpolation="nearest")
        below.set_yticks(range(SYMBOLS + 1), [*LETTERS, "blank"], fontsize=7)
        above.set_title("what is read")
        below.set(title="probability of what is said", xlabel="steps")
        return Shown(pictures={"copied": png(figure)})

    def say(self, params: ReadoutParams, text: str) -> str:
        """Says ten letters from a to h again."""
        letters = "".join(text.split())
        if len(letters) != COUNT or set(letters) - set(LETTERS):
            raise ValueError(
                f"say: '{text}' came; expected {COUNT} letters from {LETTERS}, such as "
                "'abcdefghab'."
            )
        symbols = np.array([[LETTERS.index(letter) for letter in letters]])
        places = np.arange(COUNT)[None]
        (said,) = self._said(params, self._sequences(symbols, places))
        return "".join(LETTERS[n] for n in said)


__all__ = ["Copy", "CopySettings"]
