"""DNA: whether a splice junction is in the middle of a sequence, and which kind."""

import csv
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from recur.data.files import data_file, read_lines, wrong_format
from recur.data.vocabulary import Vocabulary
from recur.tasks.baselines.bag import by_place
from recur.tasks.classification import (
    Classification,
    ClassifierParams,
    ClassifierSettings,
    make_examples,
    split_places,
)
from recur.tasks.settings import option
from recur.tasks.standins.dna import make_sequences
from recur.tasks.task import Card, digest_of
from recur.types import Array

LETTERS = Vocabulary(tuple("ACGTNDSR"))  # The last four: one of several.
CLASSES = {"EI": "exon to intron", "IE": "intron to exon", "N": "neither"}


@dataclass(frozen=True, kw_only=True)
class DnaSettings(ClassifierSettings):
    """Settings of the junctions.

    Example:
      >>> DnaSettings().fold
      0
    """

    fold: int = option(0, "which tenth is the test, 0 to 9", least=0, most=9)


class Dna(Classification[DnaSettings]):
    """Finds splice junctions; no sequence is there twice.

    Example:
      >>> task = Dna(DnaSettings(hidden=4))
      >>> task.encode("acgt")
      array([0, 1, 2, 3], dtype=int32)
    """

    name = "dna"
    card = Card(
        "60 nucleotides", "the splice junction in their middle", "many-to-one",
        "splice; random sequences with planted motifs", "2",
    )  # fmt: skip
    defaults = DnaSettings(steps=1200, hidden=64, embedding=16, dropout=0.4)
    classes = tuple(CLASSES.values())
    symbols = len(LETTERS)
    noun = "junction"

    def read(self, directory: Path | None) -> None:
        """Reads the table, or plants motifs."""
        pairs = make_sequences() if directory is None else _read(directory)
        pairs = list(dict(reversed(pairs)).items())[::-1]  # The first of its kind.
        labels = np.array([list(CLASSES).index(kind) for _, kind in pairs])
        whole = make_examples([self.encode(text) for text, _ in pairs], labels)
        split = split_places(len(pairs), seed=0, fold=self.settings.fold)
        self.train, self.valid, self.test = (whole.at(part) for part in split)
        where = "random, with planted motifs, as no data was given"
        where = where if directory is None else str(directory)
        self.source = f"{len(pairs):,} sequences: {where}"
        self.digest = digest_of(repr(pairs), np.array(self.settings.fold))

    def pool(self, params: ClassifierParams, ys: Array, seq_lengths: Array) -> Array:
        """Takes the middle, which has read what is on both sides of the junction."""
        return ys[seq_lengths // 2, jnp.arange(ys.shape[1])]

    def encode(self, text: str) -> np.ndarray:
        """Numbers the letters."""
        return LETTERS.encode(text.strip().upper(), name="say")

    def baselines(self) -> dict[str, float]:
        """Adds a logistic regression on the letter at each place."""
        parts = self.train.xs, self.train.labels, self.valid.xs, self.valid.labels
        return super().baselines() | {"letters by place": by_place(*parts)}


def _read(directory: Path) -> list[tuple[str, str]]:
    path = data_file(directory, "splice", "splice.csv")
    rows = [[cell.strip() for cell in row] for row in csv.reader(read_lines(path))]
    for n, row in enumerate(rows[1:], 2):
        if row and (len(row) != 3 or row[0] not in CLASSES or not row[2]):
            expected = "rows of class (EI, IE, N), name and sequence"
            raise wrong_format(path, expected, f"line {n}")
    return [(row[2], row[0]) for row in rows[1:] if row]


__all__ = ["Dna", "DnaSettings"]
