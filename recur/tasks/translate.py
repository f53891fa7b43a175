"""Translation: a sentence read in both directions, and another written from it."""

from pathlib import Path

import matplotlib.figure
import numpy as np

from recur.data.files import data_file, read_lines, wrong_format
from recur.data.vocabulary import Vocabulary
from recur.data.words import words
from recur.tasks.pictures import png
from recur.tasks.standins.numbers import make_pairs
from recur.tasks.task import Card, Shown, digest_of
from recur.tasks.writing import END, UNKNOWN, Writing, WritingParams, WritingSettings


class Translate(Writing[WritingSettings]):
    """Translates sentences, looking at the words it has read.

    Example:
      >>> task = Translate(WritingSettings(hidden=8, embedding=8, beams=2))
      >>> params = task.init(jax.random.key(0))
      >>> set(task.say(params, "one hundred two").split()) <= set("0123456789")
      True
    """

    name = "translate"
    card = Card(
        "a sentence", "its translation", "encoder, decoder, attention, beams",
        "multi30k, German to English; numbers in words to digits", "25",
    )  # fmt: skip
    defaults = WritingSettings(steps=4000)

    def read(self, directory: Path | None) -> None:
        """Reads pairs of sentences, and counts the words of those to learn."""
        texts = make_pairs() if directory is None else _read(directory)
        pairs = [[(words(s), words(t)) for s, t in part] for part in texts]
        least = 1 if directory is None else 2
        known = [source for source, _ in pairs[0]]
        self.source_words = Vocabulary.of(known, unknown=UNKNOWN, least=least)
        self.source_symbols = len(self.source_words)
        encode = self.source_words.encode
        self.parts = [[(encode(s), t) for s, t in part] for part in pairs]
        self.learn_words(least=least)
        sizes = f"{self.source_symbols:,} and {len(self.target_words):,} words"
        where = "numbers made up, as no data was given"
        self.source = f"{len(known):,} pairs, {sizes}: {directory or where}"
        self.digest = digest_of(repr(texts))

    def show(self, params: WritingParams) -> Shown:
        """Shows some translations, and where the decoder looked."""
        chosen = self.parts[2][:4]
        sources = [source for source, _ in chosen]
        found = self.write(params, sources, beams=self.settings.beams)
        lines = []
        for (source, target), text in zip(chosen, found, strict=True):
            lines += [f"read    {self._text(source)}", f"wrote   {' '.join(text)}"]
            lines += [f"truth   {' '.join(target)}", ""]
        figure = matplotlib.figure.Figure(figsize=(11, 9), layout="constrained")
        panels = figure.subplots(2, 2).ravel()
        looks = self.looks(params, sources, found)
        rows = zip(panels, sources, found, looks, strict=True)
        for axes, source, text, weights in rows:
            axes.imshow(weights, cmap="Greys", vmin=0, vmax=1)
            read = self.source_words.decode(source)
            axes.set_xticks(range(len(read)), read, rotation=90)
            axes.set_yticks(range(len(text) + 1), [*text, END])
        figure.suptitle("which words were looked at (across) for each that was written")
        return Shown("\n".join(lines).rstrip(), {"attention": png(figure)})

    def _text(self, source: np.ndarray) -> str:
        return " ".join(self.source_words.decode(source))

    def say(self, params: WritingParams, text: str) -> str:
        """Translates a sentence."""
        source = words(text)
        unknown = [w for w in source if w not in self.source_words.places]
        if len(unknown) == len(source):
            raise ValueError(
                f"say: none of the words in '{text}' is known; expected some of the "
                f"{len(self.source_words):,} that were learned."
            )
        numbers = self.source_words.encode(source)
        (found,) = self.write(params, [numbers], beams=self.settings.beams)
        note = f"\n(not known: {', '.join(unknown)})" if unknown else ""
        return " ".join(found) + note


def _read(directory: Path) -> list[list[tuple[str, str]]]:
    parts = []
    for name in ("train", "val", "test_2016_flickr"):
        files = [data_file(directory, "multi30k", f"{name}.{x}*") for x in ("de", "en")]
        german, english = (read_lines(path) for path in files)
        if len(german) != len(english):
            why = f"{len(german)} and {len(english)} lines"
            raise wrong_format(files[1], f"as many lines as {files[0].name}", why)
        parts.append([p for p in zip(german, english, strict=True) if all(p)])
    return parts


__all__ = ["Translate"]
