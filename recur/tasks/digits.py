"""Handwritten digits, read row by row or pixel by pixel."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from recur.data.files import data_file, wrong_format
from recur.tasks.classification import (
    Classification,
    ClassifierSettings,
    Examples,
    split_places,
)
from recur.tasks.pictures import read_image
from recur.tasks.settings import option
from recur.tasks.task import Card, digest_of
from recur.types import Array


@dataclass(frozen=True, kw_only=True)
class DigitsSettings(ClassifierSettings):
    """Settings of the digits.

    Example:
      >>> DigitsSettings().by
      'rows'
    """

    by: str = option("rows", "what a step reads", choices=("pixels", "rows"))


class Digits(Classification[DigitsSettings]):
    """Reads an image as a sequence, and names its digit.

    Example:
      >>> task = Digits(DigitsSettings(hidden=4))
      >>> task.test.xs.shape
      (180, 8, 8)
    """

    name = "digits"
    card = Card(
        "an image, row by row", "its digit", "many-to-one",
        "mnist; the digits of scikit-learn", "4",
    )  # fmt: skip
    defaults = DigitsSettings(steps=3000, dropout=0.2)
    every = 250
    classes = tuple("0123456789")
    symbols = 0
    noun = "digit"

    def read(self, directory: Path | None) -> None:
        """Reads the images; the last 5,000 for training are the validation."""
        if directory is None:
            self._read_stand_in()
        else:
            train = _read(directory, "train")
            count = len(train.labels) - 5000
            self.train, self.valid = train.at(np.s_[:count]), train.at(np.s_[count:])
            self.test = _read(directory, "t10k")
        if self.settings.by == "pixels":
            parts = self.train, self.valid, self.test
            self.train, self.valid, self.test = map(_by_pixels, parts)
        where = "scikit-learn's, as no data was given" if directory is None else ""
        self.source = f"{len(self.train.labels):,} images to learn: "
        self.source += where or str(directory)
        parts = (*self.train, *self.valid, *self.test)
        self.digest = digest_of(self.settings.by, *parts)

    def _read_stand_in(self) -> None:
        from sklearn.datasets import load_digits

        found: Any = load_digits()
        images = (found["images"] * (255 / 16)).astype(np.uint8)
        whole = _examples(images, found["target"])
        split = split_places(len(images), seed=0)
        self.train, self.valid, self.test = (whole.at(part) for part in split)

    def prepare(self, xs: Array) -> Array:
        """Takes 0 to 255 as 0 to 1."""
        return xs.astype(jnp.float32) / 255

    def encode(self, text: str) -> np.ndarray:
        """Reads an image file: a white digit on black, or the other way round."""
        size = self.train.xs.shape[-1] if self.settings.by == "rows" else None
        image = read_image(text, size or round(self.train.xs.shape[1] ** 0.5))
        gray = image[..., :3].mean(-1) if image.ndim == 3 else image
        gray = gray / max(gray.max(), 1e-6)
        gray = 1 - gray if gray.mean() > 0.5 else gray
        pixels = (255 * gray).astype(np.uint8)
        return pixels if self.settings.by == "rows" else pixels.reshape(-1, 1)


def _examples(images: np.ndarray, labels: np.ndarray) -> Examples:
    lengths = np.full(len(images), images.shape[1], np.int32)
    return Examples(images, lengths, np.asarray(labels, np.int32))


def _by_pixels(rows: Examples) -> Examples:
    return _examples(rows.xs.reshape(len(rows.xs), -1, 1), rows.labels)


def _read(directory: Path, part: str) -> Examples:
    images = _read_idx(data_file(directory, "mnist", f"{part}-images-idx3-ubyte*"), 3)
    labels = _read_idx(data_file(directory, "mnist", f"{part}-labels-idx1-ubyte*"), 1)
    return _examples(images, labels)


def _read_idx(path: Path, rank: int) -> np.ndarray:
    """Reads the format of MNIST: a magic number, sizes, bytes."""
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        shape = np.frombuffer(raw, ">i4", rank, 4)
        if raw[:4] != bytes([0, 0, 8, rank]):
            raise ValueError
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        name = type(error).__name__
        raise wrong_format(path, "an IDX file of bytes", name) from None


__all__ = ["Digits", "DigitsSettings"]
