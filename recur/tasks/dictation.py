"""Dictation: digits said in a row, written down by connectionist classification."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax

from recur._roll.unroll import unroll
from recur.compose.bidirectional import Bidirectional
from recur.compose.masks import draw_masks
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.data.padding import pad
from recur.regularize.dropout import Dropout
from recur.tasks.pictures import png
from recur.tasks.settings import Settings, option
from recur.tasks.speech import Scaling, read_digits
from recur.tasks.standins.vowels import make_vowels
from recur.tasks.task import Card, Shown, Task, digest_of, in_batches
from recur.types import Array, PyTree

FEWEST, MOST = 3, 6  # Recordings in a row.
FRAMES = 160  # Of a row, at most.


@dataclass(frozen=True, kw_only=True)
class DictationSettings(Settings):
    """Settings of dictation.

    Example:
      >>> DictationSettings().dropout
      0.3
    """

    hidden: int = option(96, "units of each direction")
    learning_rate: float = option(3e-3, "at its peak", least=1e-9, most=1e3)
    dropout: float = option(0.3, "share of entries dropped", least=0, most=0.95)


class Rows(NamedTuple):
    """Recordings in a row, and what was said."""

    xs: np.ndarray  # [B, T, F]
    lengths: np.ndarray  # [B]
    labels: np.ndarray  # [B, N], from 1; 0 is the blank, and fills up
    counts: np.ndarray  # [B]


class Dictation(Task[DictationSettings]):
    """Writes down what was said, without being told where a digit begins.

    Example:
      >>> task = Dictation(DictationSettings(hidden=4))
      >>> task.batch(0).labels.shape
      (32, 6)

    References:
      Graves et al., `Connectionist temporal classification
      <https://doi.org/10.1145/1143844.1143891>`_, 2006.
    """

    name = "dictation"
    card = Card(
        "digits said in a row", "the digits, by CTC", "many-to-many, unaligned",
        "fsdd; synthetic vowels", "6",
    )  # fmt: skip
    defaults = DictationSettings(steps=1500)
    measure = "% digits wrong"
    higher_is_better = False

    def read(self, directory: Path | None) -> None:
        """Reads single recordings, of which rows are made."""
        parts = make_vowels() if directory is None else read_digits(directory)
        self.symbols = "aeiou" if directory is None else "0123456789"
        frames = np.concatenate(parts[0][0])
        self.scaling = Scaling.of(frames)
        self._parts = parts
        seeds = [2**31, 2**31 + 1]
        self.valid, self.test = (
            self._rows(np.random.default_rng(seed), part, 512)
            for seed, part in zip(seeds, parts[1:], strict=True)
        )
        where = "synthetic vowels, as no data was given"
        self.source = f"{len(parts[0][0]):,} recordings to join: {directory or where}"
        self.digest = digest_of(frames, *self.test)

    def _rows(self, rng: np.random.Generator, part: PyTree, count: int) -> Rows:
        """Joins three to six recordings at a time, as far as they are not too long."""
        sequences, labels = part
        xs, said = [], []
        while len(xs) < count:
            places = rng.integers(0, len(labels), rng.integers(FEWEST, MOST + 1))
            joined = np.concatenate([sequences[n] for n in places])
            if len(joined) <= FRAMES:
                xs.append(self.scaling.apply(joined))
                said.append(1 + np.asarray(labels[places], np.int32))
        frames = pad(xs, length=FRAMES, time_major=False)
        return Rows(*frames, *pad(said, length=MOST, time_major=False))

    @cached_property
    def model(self) -> Readout:
        """Reads in both directions, with a logit a symbol and one for the blank."""
        s = self.settings
        both = Dropout(Bidirectional(s.make_cell()), s.dropout)
        return Readout(Stack((both,) * s.layers), len(self.symbols) + 1)

    def init(self, key: Array) -> ReadoutParams:
        """Draws the weights."""
        return self.model.init(key, input_size=len(self.scaling.mean))

    def batch(self, step: int) -> Rows:
        """Joins recordings anew in each step."""
        rng = np.random.default_rng([self.settings.seed, step])
        return self._rows(rng, self._parts[0], self.settings.batch)

    def logits(self, params: ReadoutParams, xs: Array, lengths: Array) -> Array:
        """Gives a logit a symbol of each frame, ``[T, B, 1 + symbols]``."""
        return unroll(self.model, params, None, xs, seq_lengths=lengths)[1]

    def loss(
        self, params: ReadoutParams, carry: PyTree, batch: Rows, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean negative log-likelihood of what was said, over all alignments."""
        xs = jnp.asarray(batch.xs).swapaxes(0, 1)
        drawn = draw_masks(self.model, key, params, xs)
        logits = self.logits(drawn, xs, jnp.asarray(batch.lengths)).swapaxes(0, 1)
        padded = [
            (jnp.arange(size)[None] >= jnp.asarray(n)[:, None]).astype(jnp.float32)
            for size, n in ((FRAMES, batch.lengths), (MOST, batch.counts))
        ]
        nats = optax.ctc_loss(logits, padded[0], jnp.asarray(batch.labels), padded[1])
        return nats.mean(), None

    @cached_property
    def _likeliest(self):
        def likeliest(params: ReadoutParams, batch: Rows) -> Array:
            xs = jnp.asarray(batch.xs).swapaxes(0, 1)
            return self.logits(params, xs, jnp.asarray(batch.lengths)).argmax(-1).T

        return jax.jit(likeliest)

    def read_off(self, params: ReadoutParams, rows: Rows) -> list[str]:
        """Takes the likeliest symbol of each frame, repeats as one, blanks away."""
        found = in_batches(self._likeliest, params, rows, size=64)
        return [
            self._collapsed(path[:length])
            for path, length in zip(found, rows.lengths, strict=True)
        ]

    def _collapsed(self, path: np.ndarray) -> str:
        changed = np.r_[True, path[1:] != path[:-1]]
        return "".join(self.symbols[n - 1] for n in path[changed] if n)

    def _truth(self, rows: Rows) -> list[str]:
        return [
            "".join(self.symbols[n - 1] for n in labels[:count])
            for labels, count in zip(rows.labels, rows.counts, strict=True)
        ]

    def evaluate(self, params: ReadoutParams) -> float:
        """Percent of digits wrong, left out or too many, of the validation."""
        return _wrong(self._truth(self.valid), self.read_off(params, self.valid))

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Percent of digits wrong of the test, and of rows that are all right."""
        said, found = self._truth(self.test), self.read_off(params, self.test)
        right = 100 * float(np.mean([a == b for a, b in zip(said, found, strict=True)]))
        return {"test % digits wrong": _wrong(said, found), "test % rows right": right}

    def baselines(self) -> dict[str, float]:
        """Writes nothing."""
        return {"nothing": 100.0}

    def show(self, params: ReadoutParams) -> Shown:
        """Draws the probability of each symbol over the frames of a row."""
        one = Rows(*(a[:8] for a in self.test))
        xs = jnp.asarray(one.xs).swapaxes(0, 1)
        logits = self.logits(params, xs, jnp.asarray(one.lengths))
        p = np.asarray(jax.nn.softmax(logits))
        figure = matplotlib.figure.Figure(figsize=(9, 7), layout="constrained")
        panels = zip(figure.subplots(3), self._truth(one), one.lengths, strict=False)
        for row, (axes, said, length) in enumerate(panels):
            axes.imshow(p[:length, row].T, aspect="auto", cmap="Greys", vmin=0, vmax=1)
            axes.set_yticks(range(p.shape[-1]), ["blank", *self.symbols], fontsize=7)
            axes.set(title=f"said: {' '.join(said)}", xlabel="frames")
        pairs = zip(self._truth(one), self.read_off(params, one), strict=True)
        lines = [f"said {a:7s} read {b}" for a, b in pairs]
        return Shown("\n".join(lines), {"frames": png(figure)})

    def say(self, params: ReadoutParams, text: str) -> str:
        """Writes down a file of cepstra, a frame a line."""
        frames = self.scaling.read(text)
        if len(frames) > FRAMES:
            raise ValueError(
                f"say: '{text}' has {len(frames)} lines; expected {FRAMES} at most."
            )
        xs = pad([frames], length=FRAMES, time_major=False)
        nothing = np.zeros((1, MOST), np.int32), np.zeros(1, np.int32)
        return self.read_off(params, Rows(*xs, *nothing))[0]


def _wrong(said: list[str], found: list[str]) -> float:
    import jiwer

    return 100 * float(jiwer.cer(said, found))


__all__ = ["Dictation", "DictationSettings", "Rows"]
