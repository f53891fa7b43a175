"""Translation: a sentence read in both directions, and another written from it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax

from recur._roll.named import emit_named
from recur._roll.unroll import unroll
from recur.attention.decoder import Attention
from recur.attention.encoder_decoder import EncoderDecoder, EncoderDecoderParams
from recur.attention.scores import Multiplicative
from recur.compose.bidirectional import Bidirectional
from recur.compose.masks import draw_masks, keep_mask
from recur.compose.readout import Readout
from recur.compose.stack import Stack
from recur.data.files import data_file, read_lines, wrong_format
from recur.data.loading import bucketed_batches
from recur.data.padding import Padded, pad
from recur.data.vocabulary import Vocabulary
from recur.decoding.beam import beam_search
from recur.regularize.dropout import Dropout
from recur.tasks.pictures import png
from recur.tasks.settings import Settings, option
from recur.tasks.standins.numbers import make_pairs
from recur.tasks.task import Card, Shown, Task, digest_of
from recur.types import Array, PyTree

START, END, UNKNOWN = "<start>", "<end>", "<unk>"
LENGTHS = (12, 16, 24, 40)
"""Steps of a batch: the least of these that it fits in, so that few are compiled."""


@dataclass(frozen=True, kw_only=True)
class TranslateSettings(Settings):
    """Settings of translation.

    Example:
      >>> TranslateSettings().beams
      5
    """

    cell: str = option("gru", choices=("elman", "gru", "irnn", "lstm"))
    batch: int = option(64, "sentences side by side")
    learning_rate: float = option(2e-3, "at its peak", least=1e-9, most=1e3)
    embedding: int = option(256, "entries of a word's vector")
    dropout: float = option(0.4, "share of entries dropped", least=0, most=0.95)
    beams: int = option(5, "sentences that the search keeps", free=True)


class TranslateParams(NamedTuple):
    """Weights of a translator."""

    source: Array  # [V, E]
    target: Array  # [W, E]
    model: EncoderDecoderParams


class Pairs(NamedTuple):
    """Sentences and their translations, as numbers."""

    source: Padded  # [S, B]
    target: Padded  # [T + 1, B], from start to end


class Translate(Task[TranslateSettings]):
    """Translates sentences, looking at the words it has read.

    Example:
      >>> task = Translate(TranslateSettings(hidden=8, embedding=8, beams=2))
      >>> params = task.init(jax.random.key(0))
      >>> set(task.say(params, "one hundred two").split()) <= set("0123456789")
      True
    """

    name = "translate"
    card = Card(
        "a sentence", "its translation", "encoder, decoder, attention, beams",
        "multi30k, German to English; numbers in words to digits", "25",
    )  # fmt: skip
    defaults = TranslateSettings(steps=5000)
    measure = loss_unit = "nats a word"
    higher_is_better = False
    every = 250

    def read(self, directory: Path | None) -> None:
        """Reads pairs of sentences, and counts the words of those to learn."""
        parts = make_pairs() if directory is None else _read(directory)
        self.parts = [[(words(s), words(t)) for s, t in part] for part in parts]
        train, least = self.parts[0], 1 if directory is None else 2
        count = partial(Vocabulary.of, unknown=UNKNOWN, least=least)
        self.source_words = count([s for s, _ in train])
        self.target_words = count([t for _, t in train], special=(START, END))
        longest = LENGTHS[-1]
        short = [p for p in train if len(p[0]) <= longest and len(p[1]) < longest]
        self._train = [self._numbers(*pair) for pair in short]
        sizes = f"{len(self.source_words):,} and {len(self.target_words):,} words"
        where = "numbers made up, as no data was given"
        self.source = f"{len(train):,} pairs, {sizes}: {directory or where}"
        self.digest = digest_of(repr(parts))

    def _numbers(self, source: list[str], target: list[str]) -> tuple[np.ndarray, ...]:
        encoded = self.target_words.encode([START, *target, END])
        return self.source_words.encode(source, name="say"), encoded

    @cached_property
    def model(self) -> EncoderDecoder:
        """A bidirectional encoder, and a decoder that looks at its outputs."""
        s = self.settings
        both, one = Bidirectional(s.make_cell()), s.make_cell()
        encoder = Stack((Dropout(both, s.dropout),) * s.layers)
        inner = Stack((one,) * s.layers)
        seeing = Attention(inner, Multiplicative(), s.hidden, encoder.output_size)
        dropping = Dropout(seeing, s.dropout)
        return EncoderDecoder(encoder, Readout(dropping, len(self.target_words)))

    def init(self, key: Array) -> TranslateParams:
        """Draws the weights."""
        k_source, k_target, k_model = jax.random.split(key, 3)
        size = self.settings.embedding
        words = len(self.source_words), len(self.target_words)
        source, target = (
            jax.random.normal(k, (n, size)) * size**-0.5
            for k, n in zip((k_source, k_target), words, strict=True)
        )
        return TranslateParams(source, target, self.model.init(k_model, size, size))

    @cached_property
    def _order(self):
        lengths = np.array([max(len(s), len(t) - 1) for s, t in self._train])
        size = min(self.settings.batch, len(lengths))
        return bucketed_batches(lengths, size=size, seed=self.settings.seed)

    def batch(self, step: int) -> Pairs:
        """Takes pairs of about one length."""
        return _laid_out([self._train[n] for n in self._order[step]])

    def loss(
        self, params: TranslateParams, carry: PyTree, batch: Pairs, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean cross entropy of each word, given those before it."""
        total, count = self._nats(params, batch, key)
        return total / count, None

    def _nats(
        self, params: TranslateParams, batch: Pairs, key: Array | None = None
    ) -> tuple[Array, Array]:
        xs = params.source[batch.source.values]
        known = params.target[batch.target.values[:-1]]
        model = params.model
        if key is not None:
            keys = jax.random.split(key, 4)
            xs, known = self._dropped(xs, keys[0]), self._dropped(known, keys[1])
            encoder = draw_masks(self.model.encoder, keys[2], model.encoder, xs)
            decoder = draw_masks(self.model.decoder, keys[3], model.decoder, known)
            model = model._replace(encoder=encoder, decoder=decoder)
        read, written = (jnp.asarray(part.seq_lengths) for part in batch)
        lengths = written - 1
        ready = self.model.encode(model, xs, seq_lengths=read)
        _, logits = unroll(self.model.decoder, *ready, known, seq_lengths=lengths)
        labels = jnp.asarray(batch.target.values)[1:]
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        valid = jnp.arange(len(nats))[:, None] < lengths[None]
        return jnp.where(valid, nats, 0).sum(), lengths.sum().astype(jnp.float32)

    def _dropped(self, xs: Array, key: Array) -> Array:
        rate = self.settings.dropout
        return xs * keep_mask(key, rate, xs.shape) / jnp.float32(1 - rate)

    @cached_property
    def _measured(self):
        return jax.jit(lambda params, batch: self._nats(params, batch))

    def evaluate(self, params: TranslateParams) -> float:
        """Nats a word of the validation pairs."""
        pairs = [self._numbers(*pair) for pair in self.parts[1]]
        batches = _batches(sorted(pairs, key=lambda p: max(map(len, p))))
        total, count = np.sum([self._measured(params, b) for b, _ in batches], axis=0)
        return float(total / count)

    def baselines(self) -> dict[str, float]:
        """Each word as often as in training."""
        counts = np.ones(len(self.target_words))
        for _, target in self._train:
            np.add.at(counts, target[1:], 1)
        nats = -np.log(counts / counts.sum())
        valid = [self._numbers(*pair)[1][1:] for pair in self.parts[1]]
        return {"unigram": float(np.concatenate([nats[v] for v in valid]).mean())}

    @cached_property
    def _allowed(self) -> np.ndarray:
        never = [self.target_words.places[s] for s in (START, UNKNOWN)]
        return ~np.isin(np.arange(len(self.target_words)), never)

    @cached_property
    def _search(self) -> Callable[..., Array]:
        """Compiles the search for so many beams."""
        start, end = (self.target_words.places[s] for s in (START, END))

        @partial(jax.jit, static_argnames="beams")
        def search(params: TranslateParams, source: Padded, beams: int) -> Array:
            embed = lambda numbers: params.target[numbers]  # noqa: E731
            xs = params.source[source.values]
            lengths = jnp.asarray(source.seq_lengths)
            ready = self.model.encode(params.model, xs, seq_lengths=lengths)
            prompt = jnp.full((1, xs.shape[1]), start)
            told = {"beams": beams, "length": LENGTHS[-1], "embed": embed, "end": end}
            told |= {"length_penalty": 1.0, "allowed": self._allowed}
            return beam_search(self.model.decoder, *ready, prompt, **told).tokens[0]

        return search

    def translate(
        self, params: TranslateParams, sources: Sequence[list[str]], *, beams: int
    ) -> list[list[str]]:
        """Translates sentences of words; greedily with one beam."""
        pairs = [self._numbers(s, []) for s in sources]
        order = np.argsort([len(s) for s, _ in pairs], kind="stable")
        found: dict[int, list[str]] = {}
        for batch, places in _batches([pairs[n] for n in order]):
            tokens = np.asarray(self._search(params, batch.source, beams=beams))
            for row, place in enumerate(places):
                text = self.target_words.decode(tokens[:, row])
                text = text[: text.index(END)] if END in text else text
                found[int(order[place])] = text
        return [found[n] for n in range(len(sources))]

    def figures(self, params: TranslateParams) -> dict[str, float]:
        """BLEU of the test, greedy and by beams: sacrebleu on lower-cased tokens."""
        import sacrebleu

        sources, targets = zip(*self.parts[2], strict=True)
        truth = [[" ".join(target) for target in targets]]
        told = {}
        for name, beams in {"greedy": 1, "beams": self.settings.beams}.items():
            texts = [" ".join(t) for t in self.translate(params, sources, beams=beams)]
            scored = sacrebleu.corpus_bleu(texts, truth, tokenize="none", force=True)
            told[f"test BLEU, {name}"] = scored.score
            exact = np.mean([a == b for a, b in zip(texts, truth[0], strict=True)])
            told[f"test % exact, {name}"] = 100 * float(exact)
        return told

    def looks(
        self, params: TranslateParams, source: list[str], target: list[str]
    ) -> np.ndarray:
        """Gives the weight of each word read for each word written, ``[T, S]``."""
        numbers, written = self._numbers(source, target)
        xs = params.source[numbers][:, None]
        ready = self.model.encode(params.model, xs)
        known = params.target[written[:-1]][:, None]
        _, (_, named) = unroll(emit_named(self.model.decoder), *ready, known)
        return np.asarray(named["attention"][0]).reshape(len(known), len(xs))

    def show(self, params: TranslateParams) -> Shown:
        """Shows some translations, and where the decoder looked."""
        chosen = self.parts[2][:4]
        sources = [source for source, _ in chosen]
        found = self.translate(params, sources, beams=self.settings.beams)
        lines = []
        for (source, target), text in zip(chosen, found, strict=True):
            lines += [f"read    {' '.join(source)}", f"wrote   {' '.join(text)}"]
            lines += [f"truth   {' '.join(target)}", ""]
        figure = matplotlib.figure.Figure(figsize=(11, 9), layout="constrained")
        panels = figure.subplots(2, 2).ravel()
        for axes, source, text in zip(panels, sources, found, strict=True):
            axes.imshow(self.looks(params, source, text), cmap="Greys", vmin=0, vmax=1)
            axes.set_xticks(range(len(source)), source, rotation=90)
            axes.set_yticks(range(len(text) + 1), [*text, END])
        figure.suptitle("which words were looked at (across) for each that was written")
        return Shown("\n".join(lines).rstrip(), {"attention": png(figure)})

    def say(self, params: TranslateParams, text: str) -> str:
        """Translates a sentence."""
        source = words(text)
        unknown = [w for w in source if w not in self.source_words.places]
        if len(unknown) == len(source):
            raise ValueError(
                f"say: none of the words in '{text}' is known; expected some of the "
                f"{len(self.source_words):,} that were learned."
            )
        (found,) = self.translate(params, [source], beams=self.settings.beams)
        note = f"\n(not known: {', '.join(unknown)})" if unknown else ""
        return " ".join(found) + note


def words(text: str) -> list[str]:
    """Splits a sentence into lower-cased words and punctuation.

    Example:
      >>> words("Zwei Hunde, die spielen.")
      ['zwei', 'hunde', ',', 'die', 'spielen', '.']
    """
    return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text.lower())


def _laid_out(pairs: list[tuple[np.ndarray, ...]]) -> Pairs:
    sources, targets = zip(*pairs, strict=True)
    needed = max(max(map(len, sources)), max(map(len, targets)) - 1)
    length = next((n for n in LENGTHS if n >= needed), needed)
    return Pairs(pad(sources, length=length), pad(targets, length=length + 1))


def _batches(
    pairs: list[tuple[np.ndarray, ...]], size: int = 64
) -> list[tuple[Pairs, range]]:
    """Puts pairs in batches, the last filled up by what counts nothing."""
    filler = pairs[0][0], np.zeros(1, np.int32)
    batches = []
    for start in range(0, len(pairs), size):
        part = pairs[start : start + size]
        places = range(start, start + len(part))
        batches.append((_laid_out(part + [filler] * (size - len(part))), places))
    return batches


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


__all__ = ["Translate", "TranslateParams", "TranslateSettings", "words"]
