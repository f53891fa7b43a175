"""Captions: an image read row by row, and what it shows in words."""

from pathlib import Path

import matplotlib.figure
import numpy as np

from recur.data.files import data_file, wrong_format
from recur.data.words import words
from recur.tasks.pictures import png, read_image
from recur.tasks.standins.shapes import make_captions
from recur.tasks.task import Card, Shown, digest_of
from recur.tasks.writing import Writing, WritingParams, WritingSettings

Captioned = tuple[np.ndarray, str]


class Captions(Writing[WritingSettings]):
    """Says what an image shows.

    Of images that show the same in several tones of skin, or the same shape in several
    colours, some pairs are held out: each half is known, and they are new together.

    Example:
      >>> task = Captions(WritingSettings(hidden=8, embedding=8, beams=2))
      >>> task.parts[0][0][0].shape
      (32, 96)
    """

    name = "captions"
    card = Card(
        "an image of 32 x 32, row by row", "its caption", "one-to-many, with attention",
        "emoji_captions; drawn shapes", "25",
    )  # fmt: skip
    defaults = WritingSettings(
        cell="lstm", hidden=192, embedding=64, dropout=0.2, steps=6000, beams=3
    )
    source_symbols = 0

    def read(self, directory: Path | None) -> None:
        """Reads images and captions, and holds out some pairs."""
        parts = make_captions() if directory is None else _read(directory)
        self._images = [[image for image, _ in part] for part in parts]
        self.parts = [[(_rows(image), words(text)) for image, text in p] for p in parts]
        self.learn_words()
        where = "drawn shapes, as no data was given"
        size = len(self.target_words)
        self.source = f"{len(parts[0]):,} images, {size:,} words: {directory or where}"
        texts = [text for part in parts for _, text in part]
        self.digest = digest_of(repr(texts), *self._images[0])

    def show(self, params: WritingParams) -> Shown:
        """Shows images that were held out, with what was written of them."""
        count = min(24, len(self.parts[2]))
        places = np.random.default_rng(0).permutation(len(self.parts[2]))[:count]
        sources = [self.parts[2][n][0] for n in places]
        found = self.write(params, sources, beams=self.settings.beams)
        figure = matplotlib.figure.Figure(figsize=(13, 9), layout="constrained")
        panels = figure.subplots(4, 6).ravel()
        for axes, n, text in zip(panels, places, found, strict=False):
            right = text == self.parts[2][n][1]
            axes.imshow(self._images[2][n])
            caption = " ".join(text).replace(" : ", ":\n")
            axes.set_title(caption, fontsize=8, color="black" if right else "C3")
        for axes in panels:
            axes.axis("off")
        figure.suptitle("images that were held out; red is not the true caption")
        return Shown(pictures={"captions": png(figure)})

    def say(self, params: WritingParams, text: str) -> str:
        """Says what an image file shows."""
        image = read_image(text, 32)
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=-1)
        rows = _rows((255 * image[..., :3]).astype(np.uint8))
        (found,) = self.write(params, [rows], beams=self.settings.beams)
        return " ".join(found)


def _rows(image: np.ndarray) -> np.ndarray:
    """Makes rows ``[32, 96]`` of an image, with 0 for white."""
    return (1 - image.reshape(len(image), -1) / 255).astype(np.float32)


def _read(directory: Path) -> list[list[Captioned]]:
    path = data_file(directory, "emoji_captions", "*.npz")
    try:
        with np.load(path, allow_pickle=False) as found:
            images, captions, tones = (
                found[name] for name in ("images", "captions", "skin_tone")
            )
        if images.shape[1:] != (32, 32, 3) or len(images) != len(captions):
            raise ValueError
    except (OSError, ValueError, KeyError) as error:
        expected = "images [N, 32, 32, 3], captions and skin_tone"
        raise wrong_format(path, expected, type(error).__name__) from None
    # One tone each: of pairs of a person and a tone, a tenth and another are held out.
    toned = np.flatnonzero(tones != "")
    order = np.random.default_rng(0).permutation(toned)
    test, valid = np.split(order, [len(order) // 10, len(order) // 5])[:2]
    train = np.setdiff1d(np.arange(len(images)), np.concatenate([test, valid]))
    return [[(images[n], str(captions[n])) for n in p] for p in (train, valid, test)]


__all__ = ["Captions"]
