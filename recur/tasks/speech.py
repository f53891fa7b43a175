"""Speech: which digit was said, or by whom a vowel."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recur.data.files import data_file, read_lines, wrong_format
from recur.tasks.classification import (
    Classification,
    ClassifierSettings,
    Examples,
    make_examples,
    split_places,
)
from recur.tasks.settings import option
from recur.tasks.standins.vowels import make_vowels
from recur.tasks.task import Card, digest_of


class Scaling(NamedTuple):
    """The mean and the deviation of cepstra, which they are scaled by.

    Example:
      >>> Scaling.of(np.array([[1.0], [3.0]])).apply(np.array([[3.0]])).round(3)
      array([[1.]], dtype=float32)
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, frames: np.ndarray) -> "Scaling":
        """Measures frames ``[T, F]``."""
        return cls(frames.mean(0), frames.std(0) + 1e-6)

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Scales frames ``[T, F]``."""
        return ((frames - self.mean) / self.deviation).astype(np.float32)

    def read(self, path: str) -> np.ndarray:
        """Reads a file that a user gave, a frame a line, and scales it.

        Raises:
          ValueError: If it is something else.
        """
        size = len(self.mean)
        try:
            frames = np.loadtxt(path, ndmin=2)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"say: '{path}' cannot be read ({type(error).__name__}); expected the "
                f"path of a file with {size} numbers a line, a frame each."
            ) from None
        if frames.shape[-1] != size or not len(frames):
            raise ValueError(
                f"say: '{path}' has {frames.shape[-1]} numbers a line; expected {size}."
            )
        return self.apply(frames)


@dataclass(frozen=True, kw_only=True)
class SpeechSettings(ClassifierSettings):
    """Settings of speech.

    Example:
      >>> SpeechSettings().of
      'digits'
    """

    of: str = option("digits", "what is recognised", choices=("digits", "speakers"))


class Speech(Classification[SpeechSettings]):
    """Recognises a spoken digit, or the speaker of a vowel, from its spectrum.

    Example:
      >>> task = Speech(SpeechSettings(hidden=4))
      >>> task.train.xs.shape[-1]
      12
    """

    name = "speech"
    card = Card(
        "a recording's cepstra", "the digit, or who speaks", "many-to-one",
        "fsdd, japanese_vowels; synthetic vowels", "2",
    )  # fmt: skip
    defaults = SpeechSettings(steps=1500, hidden=96)
    symbols = 0

    def read(self, directory: Path | None) -> None:
        """Reads cepstra, and scales them by the mean and deviation of training."""
        if directory is None:
            parts, self.classes = make_vowels(), ("a", "e", "i", "o", "u")
        elif self.settings.of == "digits":
            parts, self.classes = read_digits(directory), tuple("0123456789")
        else:
            parts = _read_speakers(directory)
            self.classes = tuple(f"speaker {n}" for n in range(1, 10))
        train, valid, test = parts
        self.scaling = Scaling.of(np.concatenate(train[0]))
        longest = max(len(s) for sequences, _ in parts for s in sequences)
        self.train, self.valid, self.test = (
            self._scaled(sequences, labels, longest)
            for sequences, labels in (train, valid, test)
        )
        where = "synthetic vowels, as no data was given"
        where = where if directory is None else f"{directory}, {self.settings.of}"
        self.source = f"{len(train[0]):,} recordings to learn: {where}"
        arrays = (*self.train, *self.valid, *self.test)
        self.digest = digest_of(self.settings.of, *arrays)

    def _scaled(
        self, sequences: list[np.ndarray], labels: np.ndarray, longest: int
    ) -> Examples:
        scaled = [self.scaling.apply(s) for s in sequences]
        # One length for all, so that one program serves them.
        filler = np.zeros((longest, len(self.scaling.mean)), np.float32)
        laid = make_examples([*scaled, filler], np.append(labels, 0))
        return laid.at(np.s_[:-1])

    def encode(self, text: str) -> np.ndarray:
        """Reads a file of numbers, a frame of cepstra a line."""
        return self.scaling.read(text)


Part = tuple[list[np.ndarray], np.ndarray]


def read_digits(directory: Path) -> tuple[Part, Part, Part]:
    """Reads cepstra of spoken digits: training, validation and test.

    Example:
      >>> read_digits(Path("nowhere"))
      Traceback (most recent call last):
      ValueError: data: 'nowhere' has no fsdd/*mfcc*.npz; expected the directory of ...
    """
    path = data_file(directory, "fsdd", "*mfcc*.npz")
    try:
        with np.load(path, allow_pickle=False) as found:
            xs, labels, lengths = found["X"], found["y"], found["lengths"]
        sequences = np.split(xs, np.cumsum(lengths)[:-1])
    except (OSError, ValueError, KeyError) as error:
        expected = "arrays X, y and lengths"
        raise wrong_format(path, expected, type(error).__name__) from None
    split = split_places(len(sequences), seed=0)
    one, two, three = (([sequences[n] for n in part], labels[part]) for part in split)
    return one, two, three


def _read_speakers(directory: Path) -> tuple[Part, Part, Part]:
    """Reads the official split; a tenth of training is the validation."""
    sequences, labels = _read_vowels(directory, "train", [30] * 9)
    tested = _read_vowels(directory, "test", [31, 35, 88, 44, 29, 24, 40, 50, 29])
    train, valid, more = split_places(len(sequences), seed=0)
    train = np.concatenate([train, more])
    one, two = (([sequences[n] for n in p], labels[p]) for p in (train, valid))
    return one, two, tested


def _read_vowels(directory: Path, part: str, counts: list[int]) -> Part:
    path = data_file(directory, "japanese_vowels", f"ae.{part}")
    blocks = "\n".join(read_lines(path)).strip().split("\n\n")
    try:
        sequences = [np.loadtxt(block.splitlines(), ndmin=2) for block in blocks]
        if len(blocks) != sum(counts) or {s.shape[1] for s in sequences} != {12}:
            raise ValueError
    except ValueError:
        expected = f"{sum(counts)} blocks of 12 numbers a line"
        raise wrong_format(path, expected, f"{len(blocks)} blocks") from None
    return sequences, np.repeat(np.arange(9), counts)


__all__ = ["Scaling", "Speech", "SpeechSettings", "read_digits"]
