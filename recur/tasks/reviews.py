"""Reviews: whether a customer is pleased, and by which words one can tell."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np

from recur.attention.pooling import AttentionPool
from recur.data.files import data_files, read_lines, wrong_format
from recur.data.vocabulary import Vocabulary
from recur.data.words import words
from recur.tasks.baselines.bag import fit_bag, percent_right
from recur.tasks.classification import (
    Classification,
    ClassifierParams,
    ClassifierSettings,
    Examples,
    make_examples,
    split_places,
)
from recur.tasks.pictures import png
from recur.tasks.settings import option
from recur.tasks.standins.reviews import make_reviews
from recur.tasks.task import Card, Shown, digest_of, in_batches
from recur.types import Array

LONGEST = 80  # Words of a review that are read.


@dataclass(frozen=True, kw_only=True)
class ReviewsSettings(ClassifierSettings):
    """Settings of the reviews.

    Example:
      >>> ReviewsSettings().fold
      0
    """

    fold: int = option(0, "which tenth is the test, 0 to 9", least=0, most=9)


class Reviews(Classification[ReviewsSettings]):
    """Tells pleased customers from others.

    Example:
      >>> task = Reviews(ReviewsSettings(hidden=4))
      >>> task.encode("the food was great").shape
      (4,)
    """

    name = "reviews"
    card = Card(
        "a customer's sentence", "pleased or not, word by word", "many-to-one",
        "sentiment_labelled; sentences of a small grammar", "2",
    )  # fmt: skip
    defaults = ReviewsSettings(hidden=64, dropout=0.5, steps=500, learning_rate=2e-3)
    every = 50
    classes = ("not pleased", "pleased")
    noun = "review"

    def read(self, directory: Path | None) -> None:
        """Reads sentences with 0 or 1."""
        pairs = make_reviews() if directory is None else _read(directory)
        self.texts = np.array([text for text, _ in pairs])
        labels = np.array([label for _, label in pairs])
        self._parts = split_places(len(pairs), seed=0, fold=self.settings.fold)
        known = [words(text) for text in self.texts[self._parts[0]]]
        self.vocabulary = Vocabulary.of(known, unknown="<unk>", least=2)
        self.symbols = len(self.vocabulary)
        sequences = [self.vocabulary.encode(words(text)) for text in self.texts]
        whole = make_examples(sequences, labels, length=LONGEST)
        self.train, self.valid, self.test = (whole.at(part) for part in self._parts)
        where = "made by a small grammar, as no data was given"
        self.source = f"{len(pairs):,} sentences: {directory or where}"
        self.digest = digest_of(repr(pairs), np.array(self.settings.fold))

    def init(self, key: Array) -> ClassifierParams:
        """Draws the weights; a word's vector starts with what it says by itself.

        Its first entry is the log of how much more often it is in pleased reviews
        (Wang and Manning, Baselines and bigrams, 2012).
        """
        k_params, k_pool = jax.random.split(key)
        params, xs = super().init(k_params), self.train
        counts = np.ones((2, self.symbols))
        for label in range(2):
            rows = xs.labels == label
            for row, length in zip(xs.xs[rows], xs.lengths[rows], strict=True):
                counts[label, np.unique(row[:length])] += 1
        logs = np.log(counts / counts.sum(1, keepdims=True))
        assert params.table is not None  # There are symbols.
        table = params.table.at[:, 0].set(jnp.float32(logs[1] - logs[0]))
        pool = self._pool.init(k_pool, self.layer.output_size)
        return params._replace(table=table, pool=pool)

    @property
    def _pool(self) -> AttentionPool:
        return AttentionPool(self.settings.hidden)

    def pool(self, params: ClassifierParams, ys: Array, seq_lengths: Array) -> Array:
        """Takes the words that are worth it."""
        return self._pool(params.pool, ys, seq_lengths=seq_lengths)[0]

    def encode(self, text: str) -> np.ndarray:
        """Numbers the words; at least one has to be known."""
        found = words(text)
        if not set(found) & set(self.vocabulary.places):
            raise ValueError(
                f"say: none of the words in '{text}' is known; expected some of the "
                f"{self.symbols:,} that were learned."
            )
        return self.vocabulary.encode(found)[:LONGEST]

    def baselines(self) -> dict[str, float]:
        """Adds a logistic regression on words, pairs and triples of words."""
        right = percent_right(self._bag, self._texts(1), self.valid.labels)
        return super().baselines() | {"bag of words": right}

    def _texts(self, part: int) -> list[str]:
        return self.texts[self._parts[part]].tolist()

    @cached_property
    def _bag(self) -> Any:
        return fit_bag(self._texts(0), self.train.labels, analyzer="word")

    def figures(self, params: ClassifierParams) -> dict[str, float]:
        """Adds what the bag of words gets of the test."""
        right = percent_right(self._bag, self._texts(2), self.test.labels)
        return super().figures(params) | {"test % right, bag of words": right}

    @cached_property
    def _weights(self):
        def weights(params: ClassifierParams, batch: Examples) -> Array:
            ys, lengths = self.outputs(params, batch)
            return self._pool(params.pool, ys, seq_lengths=lengths)[1].T

        return jax.jit(weights)

    def weights(self, params: ClassifierParams, texts: list[str]) -> np.ndarray:
        """Gives the weight of each word of each review, ``[N, 80]``."""
        filler = np.zeros(LONGEST, np.int32)  # So that one program is enough.
        sequences = [*(self.encode(text) for text in texts), filler]
        whole = make_examples(sequences, np.zeros(len(sequences)))
        return in_batches(self._weights, params, whole, size=13)[:-1]

    def show(self, params: ClassifierParams) -> Shown:
        """Adds which words some reviews were told by."""
        shown, chosen = super().show(params), self._parts[2][:12]
        figure = matplotlib.figure.Figure(figsize=(11, 5), layout="constrained")
        axes = figure.subplots()
        axes.set(xlim=(0, 110), ylim=(len(chosen), -0.5))
        axes.axis("off")
        p = self.probabilities(params, self.test)[: len(chosen), 1]
        texts = [str(self.texts[place]) for place in chosen]
        rows = zip(texts, p, self.weights(params, texts), strict=True)
        for row, (text, pleased, weights) in enumerate(rows):
            x = 12.0
            axes.text(0, row, f"{100 * pleased:.0f} % pleased", fontsize=9)
            for word, weight in zip(words(text), weights, strict=False):
                if x + len(word) > 110:
                    break
                color = (1, 0.6, 0, min(1, float(weight) * 1.5))
                box = {"facecolor": color, "edgecolor": "none", "pad": 1.5}
                axes.text(x, row, word, fontsize=9, bbox=box, family="monospace")
                x += len(word) + 1.2
        figure.suptitle("reviews, and the weight of their words")
        shown.pictures["words"] = png(figure)
        return shown

    def say(self, params: ClassifierParams, text: str) -> str:
        """Says how pleased a customer is, and by which words one can tell."""
        told = super().say(params, text)
        (weights,), found = self.weights(params, [text]), words(text)[:LONGEST]
        best = np.argsort(-weights[: len(found)])[:3]
        return f"{told}\nby: " + ", ".join(
            f"{found[n]} ({100 * weights[n]:.0f} %)" for n in best
        )


def _read(directory: Path) -> list[tuple[str, int]]:
    pairs = []
    for path in data_files(directory, "sentiment_labelled", "*_labelled.txt"):
        for n, line in enumerate(read_lines(path), 1):
            text, _, label = line.rstrip("\r").rpartition("\t")
            if line.strip() and (label not in ("0", "1") or not words(text)):
                raise wrong_format(path, "lines of text, tab, 0 or 1", f"line {n}")
            if line.strip():
                pairs.append((text, int(label)))
    return pairs


__all__ = ["Reviews", "ReviewsSettings"]
