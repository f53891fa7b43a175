"""Reading a sequence in both directions, and writing words with attention to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from recur._roll.named import emit_named
from recur._roll.unroll import unroll
from recur.attention.decoder import Attention
from recur.attention.encoder_decoder import EncoderDecoder, EncoderDecoderParams
from recur.attention.scores import Multiplicative
from recur.compose.bidirectional import Bidirectional
from recur.compose.masks import draw_masks, keep_mask, scaled
from recur.compose.readout import Readout
from recur.compose.stack import Stack
from recur.data.loading import bucketed_batches
from recur.data.padding import Padded
from recur.data.vocabulary import Vocabulary
from recur.decoding.beam import beam_search
from recur.decoding.sampling import sample
from recur.regularize.dropout import Dropout
from recur.tasks.pairs import LENGTHS, Pairs, lay_out, pair_batches
from recur.tasks.settings import CELLS, Settings, option
from recur.tasks.task import Task, sum_valid
from recur.types import Array, PyTree

START, END, UNKNOWN = "<start>", "<end>", "<unk>"


@dataclass(frozen=True, kw_only=True)
class WritingSettings(Settings):
    """Settings of what writes words.

    Example:
      >>> WritingSettings().beams
      5
    """

    cell: str = option("gru", "the cell of a layer", choices=tuple(CELLS))
    batch: int = option(64, "sentences side by side")
    learning_rate: float = option(2e-3, "at its peak", least=1e-9, most=1e3)
    embedding: int = option(256, "entries of a word's vector")
    dropout: float = option(0.4, "share of entries dropped", least=0, most=0.95)
    beams: int = option(5, "sentences that the search keeps", free=True)


class WritingParams(NamedTuple):
    """Weights of what writes words."""

    source: Array | None  # [V, E], of symbols
    target: Array  # [W, E]
    model: EncoderDecoderParams


W = TypeVar("W", bound=WritingSettings)


class Writing(Task[W]):
    """Reads a sequence of symbols or vectors, and writes words.

    A subclass reads ``parts``, for training, validation and test, as pairs of an array
    ``[S]`` or ``[S, F]`` and a list of words, and ``source_symbols``, how many there
    are, or 0 where vectors are read; then it calls :meth:`learn_words`.

    Example:
      >>> from recur.tasks.translate import Translate
      >>> task = Translate(WritingSettings(hidden=4, embedding=4, batch=2))
      >>> task.batch(0).source.values.shape[1]
      2
    """

    parts: list[list[tuple[np.ndarray, list[str]]]]
    source_symbols: int

    measure = loss_unit = "nats a word"
    higher_is_better = False
    every = 250

    def learn_words(self, *, least: int = 1) -> None:
        """Counts the words to write, and numbers the pairs to learn."""
        train, longest = self.parts[0], LENGTHS[-1]
        self.target_words = Vocabulary.of(
            [target for _, target in train],
            special=(START, END),
            unknown=UNKNOWN,
            least=least,
        )
        short = [p for p in train if len(p[0]) <= longest and len(p[1]) < longest]
        self._train = [self._numbers(*pair) for pair in short]
        self._valid = [self._numbers(*pair) for pair in self.parts[1]]

    def _numbers(self, source: np.ndarray, target: list[str]) -> tuple[np.ndarray, ...]:
        return source, self.target_words.encode([START, *target, END])

    @cached_property
    def model(self) -> EncoderDecoder:
        """A bidirectional encoder, and a decoder that looks at its outputs."""
        s = self.settings
        both, one = Bidirectional(s.make_cell()), s.make_cell()
        encoder = Stack((Dropout(both, s.dropout),) * s.layers)
        inner = Stack((one,) * s.layers)
        # Not scaled, one word soon has all the weight, and no other is tried.
        score = Multiplicative(scaled=True)
        seeing = Attention(inner, score, s.hidden, encoder.output_size)
        dropping = Dropout(seeing, s.dropout)
        return EncoderDecoder(encoder, Readout(dropping, len(self.target_words)))

    def init(self, key: Array) -> WritingParams:
        """Draws the weights."""
        k_source, k_target, k_model = jax.random.split(key, 3)
        size, read = self.settings.embedding, self.parts[0][0][0].shape[-1]
        words, source = len(self.target_words), None
        if self.source_symbols:
            read, count = size, self.source_symbols
            source = jax.random.normal(k_source, (count, size))
        target = jax.random.normal(k_target, (words, size))
        return WritingParams(source, target, self.model.init(k_model, read, size))

    def embed(self, params: WritingParams, values: Any) -> Array:
        """Makes inputs of what is read."""
        return jnp.asarray(values) if params.source is None else params.source[values]

    @cached_property
    def _order(self):
        lengths = np.array([max(len(s), len(t) - 1) for s, t in self._train])
        size = min(self.settings.batch, len(lengths))
        return bucketed_batches(lengths, size=size, seed=self.settings.seed)

    def batch(self, step: int) -> Pairs:
        """Takes pairs of about one length."""
        return lay_out([self._train[n] for n in self._order[step]])

    def loss(
        self, params: WritingParams, carry: PyTree, batch: Pairs, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean cross entropy of each word, given those before it."""
        total, count = self._nats(params, batch, key)
        return total / count, None

    def _nats(
        self, params: WritingParams, batch: Pairs, key: Array | None = None
    ) -> tuple[Array, Array]:
        xs = self.embed(params, batch.source.values)
        known = params.target[batch.target.values[:-1]]
        model = params.model
        if key is not None:
            keys = jax.random.split(key, 4)
            known = self._dropped(known, keys[1])
            if params.source is not None:  # An image is read as it is.
                xs = self._dropped(xs, keys[0])
            encoder = draw_masks(self.model.encoder, keys[2], model.encoder, xs)
            decoder = draw_masks(self.model.decoder, keys[3], model.decoder, known)
            model = model._replace(encoder=encoder, decoder=decoder)
        read, written = (jnp.asarray(part.seq_lengths) for part in batch)
        lengths = written - 1
        ready = self.model.encode(model, xs, seq_lengths=read)
        _, logits = unroll(self.model.decoder, *ready, known, seq_lengths=lengths)
        labels = jnp.asarray(batch.target.values)[1:]
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return sum_valid(nats, lengths)

    def _dropped(self, xs: Array, key: Array) -> Array:
        rate = self.settings.dropout
        return scaled(keep_mask(key, rate, xs.shape), rate, xs)

    @cached_property
    def _measured(self):
        return jax.jit(lambda params, batch: self._nats(params, batch))

    def evaluate(self, params: WritingParams) -> float:
        """Nats a word of the validation pairs."""
        totals = [self._measured(params, b) for b, _ in self._valid_batches]
        total, count = np.sum(totals, axis=0)
        return float(total / count)

    @cached_property
    def _valid_batches(self) -> list[tuple[Pairs, range]]:
        return pair_batches(sorted(self._valid, key=lambda p: max(map(len, p))))

    def baselines(self) -> dict[str, float]:
        """Each word as often as in training."""
        counts = np.ones(len(self.target_words))
        for _, target in self._train:
            np.add.at(counts, target[1:], 1)
        nats = -np.log(counts / counts.sum())
        valid = np.concatenate([target[1:] for _, target in self._valid])
        return {"unigram": float(nats[valid].mean())}

    @cached_property
    def _allowed(self) -> np.ndarray:
        never = [self.target_words.places[s] for s in (START, UNKNOWN)]
        return ~np.isin(np.arange(len(self.target_words)), never)

    @cached_property
    def _search(self) -> Callable[..., Array]:
        """Compiles the search for so many beams."""
        start, end = (self.target_words.places[s] for s in (START, END))

        @partial(jax.jit, static_argnames="beams")
        def search(params: WritingParams, source: Padded, beams: int) -> Array:
            embed = lambda numbers: params.target[numbers]  # noqa: E731
            xs = self.embed(params, source.values)
            lengths = jnp.asarray(source.seq_lengths)
            ready = self.model.encode(params.model, xs, seq_lengths=lengths)
            prompt = jnp.full((1, xs.shape[1]), start)
            given = self.model.decoder, *ready, prompt
            told: dict[str, Any] = {"length": LENGTHS[-1], "embed": embed, "end": end}
            told["allowed"] = self._allowed
            if beams == 1:  # A search would look further than the first end.
                key = jax.random.key(0)  # Of which nothing is drawn.
                return sample(*given, key=key, temperature=0.0, **told).tokens
            found = beam_search(*given, beams=beams, length_penalty=1.0, **told)
            return found.tokens[0]

        return search

    def write(
        self, params: WritingParams, sources: Sequence[np.ndarray], *, beams: int
    ) -> list[list[str]]:
        """Writes words of each sequence; greedily with one beam."""
        pairs = [self._numbers(s, []) for s in sources]
        order = np.argsort([len(s) for s, _ in pairs], kind="stable")
        found: dict[int, list[str]] = {}
        for batch, places in pair_batches([pairs[n] for n in order]):
            tokens = np.asarray(self._search(params, batch.source, beams=beams))
            for row, place in enumerate(places):
                text = self.target_words.decode(tokens[:, row])
                text = text[: text.index(END)] if END in text else text
                found[int(order[place])] = text
        return [found[n] for n in range(len(sources))]

    def figures(self, params: WritingParams) -> dict[str, float]:
        """BLEU of the test, greedy and by beams: sacrebleu on lower-cased tokens."""
        import sacrebleu

        sources, targets = zip(*self.parts[2], strict=True)
        truth = [[" ".join(target) for target in targets]]
        told = {}
        for name, beams in {"greedy": 1, "beams": self.settings.beams}.items():
            texts = [" ".join(t) for t in self.write(params, sources, beams=beams)]
            scored = sacrebleu.corpus_bleu(texts, truth, tokenize="none", force=True)
            told[f"test BLEU, {name}"] = scored.score
            exact = np.mean([a == b for a, b in zip(texts, truth[0], strict=True)])
            told[f"test % exact, {name}"] = 100 * float(exact)
        return told

    @cached_property
    def _looks(self) -> Callable[..., Array]:
        def looks(params: WritingParams, batch: Pairs) -> Array:
            xs = self.embed(params, batch.source.values)
            known = params.target[batch.target.values[:-1]]
            read, written = (jnp.asarray(part.seq_lengths) for part in batch)
            ready = self.model.encode(params.model, xs, seq_lengths=read)
            seeing = emit_named(self.model.decoder)
            _, (_, named) = unroll(seeing, *ready, known, seq_lengths=written - 1)
            return named["attention"][0]

        return jax.jit(looks)

    def looks(
        self,
        params: WritingParams,
        sources: Sequence[np.ndarray],
        targets: Sequence[list[str]],
    ) -> list[np.ndarray]:
        """Gives the weight of all that was read for each word written, ``[T, S]``."""
        batch = lay_out([self._numbers(*p) for p in zip(sources, targets, strict=True)])
        found = np.asarray(self._looks(params, batch))
        sizes = zip(batch.target.seq_lengths - 1, batch.source.seq_lengths, strict=True)
        return [found[:t, n, :s] for n, (t, s) in enumerate(sizes)]


__all__ = ["Writing", "WritingParams", "WritingSettings"]
