"""Surnames: which language one is from, by its letters."""

from pathlib import Path

import numpy as np

from recur.data.files import data_files, read_lines
from recur.data.vocabulary import Vocabulary
from recur.tasks.baselines.bag import bag_of_ngrams
from recur.tasks.classification import (
    Classification,
    ClassifierSettings,
    make_examples,
    split_places,
)
from recur.tasks.standins.names import make_names
from recur.tasks.task import Card, digest_of


class Names(Classification[ClassifierSettings]):
    """Names the language of a surname.

    No surname is in two of training, validation and test, whatever its language.

    Example:
      >>> task = Names(ClassifierSettings(hidden=4))
      >>> task.encode("Rossi").shape
      (5,)
    """

    name = "names"
    card = Card(
        "a surname", "its language", "many-to-one",
        "names; made of the syllables of six languages", "4",
    )  # fmt: skip
    defaults = ClassifierSettings(steps=3000)
    every = 250
    noun = "language"

    def read(self, directory: Path | None) -> None:
        """Reads a file a language, or makes names up."""
        pairs = make_names() if directory is None else _read(directory)
        self.classes = tuple(sorted({language for _, language in pairs}))
        self.vocabulary = Vocabulary.of(n for n, _ in pairs)
        self.symbols = len(self.vocabulary)
        distinct = sorted({name for name, _ in pairs})
        split = split_places(len(distinct), seed=0)
        labels = np.array([self.classes.index(language) for _, language in pairs])
        place = {name: n for n, name in enumerate(distinct)}
        places = np.array([place[name] for name, _ in pairs])
        whole = make_examples([self.encode(n) for n, _ in pairs], labels)
        self.texts = np.array([name for name, _ in pairs])
        self._parts = [np.flatnonzero(np.isin(places, part)) for part in split]
        self.train, self.valid, self.test = (whole.at(part) for part in self._parts)
        made = "made up of syllables, as no data was given"
        where = made if directory is None else str(directory)
        size = len(self.classes)
        self.source = f"{len(pairs):,} surnames of {size} languages: {where}"
        self.digest = digest_of(repr(pairs))

    def encode(self, text: str) -> np.ndarray:
        """Numbers the letters of a name."""
        return self.vocabulary.encode(text.strip(), name="say")

    def baselines(self) -> dict[str, float]:
        """Adds a logistic regression on the letter trigrams of a name."""
        train, valid, _ = (self.texts[part].tolist() for part in self._parts)
        labels = self.train.labels, self.valid.labels
        right = bag_of_ngrams(train, labels[0], valid, labels[1], analyzer="char")
        return super().baselines() | {"letter n-grams": right}


def _read(directory: Path) -> list[tuple[str, str]]:
    files = data_files(directory, "names", "[A-Z]*.txt")
    return [
        (line.strip(), path.stem)
        for path in files
        for line in read_lines(path)
        if line.strip()
    ]


__all__ = ["Names"]
