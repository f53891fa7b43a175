"""A character-level language model: the living example of the library.

Compose (:meth:`Text.model`), roll (:meth:`Text.loss`), train by truncated
back-propagation through time (:mod:`recur.training`), sample (:meth:`Text.say`).
"""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from recur._capacity import check_bytes
from recur._roll.padding import tree_where
from recur._roll.unroll import unroll
from recur.compose.masks import draw_masks
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.data.files import data_file
from recur.data.text import (
    decode,
    encode,
    make_corpus,
    python_documentation,
    read_text,
    window_at,
)
from recur.decoding.sampling import sample
from recur.regularize.dropout import Dropout
from recur.tasks.baselines.ngram import ngram_bits
from recur.tasks.settings import Settings, option
from recur.tasks.task import Card, Shown, Task
from recur.types import Array, PyTree

_window = jax.jit(window_at, static_argnames=("rows", "window"))

ORDERS = {1: "unigram", 2: "bigram", 3: "trigram", 5: "5-gram"}


@dataclass(frozen=True, kw_only=True)
class TextSettings(Settings):
    """Settings of a language model.

    Example:
      >>> TextSettings().window
      64
    """

    window: int = option(64, "steps of BPTT")
    dropout: float = option(0.0, "share of entries dropped", least=0, most=0.95)
    text: str | None = option(None, "UTF-8 text to learn", kind=str, free=True)
    sample: int = option(400, "characters to write", least=0, free=True)
    temperature: float = option(0.7, "of the sample", least=0, free=True)
    prompt: str | None = option(None, "what is continued", kind=str, free=True)


STRETCH = 16
"""Windows that a reader goes on for in the mean, and then starts from its first carry.

Writing and evaluation start there. A cell that had not been there since its first step
of training was seen to take 3.3 bits a character where it had learned 2.2.
"""


class Text(Task[TextSettings]):
    """Predicts each character of a text from those before it.

    Example:
      >>> task = Text(TextSettings(hidden=8, sample=5))
      >>> params = task.init(jax.random.key(0))
      >>> len(task.say(params, "The ")) - len("The ")
      5
    """

    name = "text"
    card = Card(
        "a text", "its continuation", "many-to-many",
        "tinyshakespeare; the documentation of this Python", "2",
    )  # fmt: skip
    defaults = TextSettings()
    measure = loss_unit = "bits a character"
    higher_is_better = False
    unit = "char"

    def read(self, directory: Path | None) -> None:
        """Reads a text, and splits the last tenth off."""
        given, settings = self.settings.text, self.settings
        if given is None and directory is not None:
            given = str(data_file(directory, "tinyshakespeare", "input.txt"))
        text = python_documentation() if given is None else read_text(given)
        self.corpus = make_corpus(text, window=settings.window)
        self.vocabulary = self.corpus.vocabulary
        self.digest, size = self.corpus.digest, len(self.vocabulary)
        called = given or "the documentation of this Python"
        self.source = f"{called}: {len(text):,} characters, {size} different"
        needs = settings.least_bytes(inputs=size, outputs=size, steps=settings.window)
        what = "hidden, layers, batch, window", "such a model and its training"
        check_bytes(*what, needs)
        check_bytes("sample", "the characters to write", 8 * settings.sample)
        usual = "\n" if "\n" in self.vocabulary else self.vocabulary[0]
        self.prompt = usual if settings.prompt is None else settings.prompt
        encode(self.vocabulary, self.prompt, name="prompt")

    @cached_property
    def model(self) -> Readout:
        """Stacks cells under an output layer of one logit a character."""
        cell, rate = self.settings.make_cell(), self.settings.dropout
        layer = Dropout(cell, rate) if rate else cell
        return Readout(Stack((layer,) * self.settings.layers), len(self.vocabulary))

    def init(self, key: Array) -> ReadoutParams:
        """Draws the weights."""
        return self.model.init(key, input_size=len(self.vocabulary))

    def init_carry(self) -> PyTree:
        """Makes the carry of all readers of the text."""
        return self.model.init_carry((self.settings.batch,))

    def batch(self, step: int) -> Array:
        """Cuts the window that comes next out of the text of each reader."""
        sizes = {"rows": self.settings.batch, "window": self.settings.window}
        position = step * self.settings.window % len(self.corpus.train)
        return _window(self._ids, position, **sizes)

    @cached_property
    def _ids(self) -> Array:
        return jnp.asarray(self.corpus.train)

    def loss(
        self, params: ReadoutParams, carry: PyTree, batch: Array, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean bits of a window ``[T + 1, B]``, and the carry for the next one."""
        k_masks, k_anew = jax.random.split(key)
        anew = jax.random.bernoulli(k_anew, 1 / STRETCH, batch.shape[1:])
        start = tree_where(anew, self.init_carry(), carry)
        params = draw_masks(self.model, k_masks, params, self._ones(batch))
        return self._read(params, start, batch)

    def _ones(self, batch: Array) -> Array:
        return jax.nn.one_hot(batch[:-1], len(self.vocabulary))

    def _read(
        self, params: PyTree, carry: PyTree, batch: Array
    ) -> tuple[Array, PyTree]:
        carry, logits = unroll(self.model, params, carry, self._ones(batch))
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1:])
        return nats.mean() / jnp.log(2.0), carry

    def evaluate(self, params: ReadoutParams) -> float:
        """Bits a character over the held out text, read by readers side by side."""
        return float(self._bits(params, jnp.asarray(self.corpus.valid)))

    @cached_property
    def _bits(self):
        return jax.jit(self._mean_bits)

    def _mean_bits(self, params: ReadoutParams, ids: Array) -> Array:
        window = self.settings.window
        rows = max(1, min(self.settings.batch, len(ids) // (window + 1)))
        count = (len(ids) // rows - 1) // window

        def one_window(params: ReadoutParams, carry: PyTree, position: Array):
            cut = window_at(ids, position, rows=rows, window=window)
            loss, carry = self._read(params, carry, cut)
            return carry, loss

        first, positions = self.model.init_carry((rows,)), window * jnp.arange(count)
        return unroll(one_window, params, first, positions)[1].mean()

    def baselines(self) -> dict[str, float]:
        """Counts n-grams in the training text."""
        corpus, orders = self.corpus, max(ORDERS)
        sizes = {"vocabulary_size": len(self.vocabulary), "order": orders}
        bits = ngram_bits(corpus.train, corpus.valid, **sizes)
        return {name: bits[n - 1] for n, name in ORDERS.items()}

    def show(self, params: ReadoutParams) -> Shown:
        """Writes a text of its own."""
        if not self.settings.sample:
            return Shown()
        written = self.say(params, self.prompt)
        return Shown(f"sample  at temperature {self.settings.temperature}\n\n{written}")

    def say(self, params: ReadoutParams, text: str) -> str:
        """Continues a text."""
        prompt = jnp.asarray(encode(self.vocabulary, text, name="say"))
        if not self.settings.sample:
            return text
        drawn = sample(
            self.model,
            params,
            None,
            prompt,
            key=jax.random.key(self.settings.seed),
            length=self.settings.sample,
            embed=partial(jax.nn.one_hot, num_classes=len(self.vocabulary)),
            temperature=self.settings.temperature,
        )
        return text + decode(self.vocabulary, np.asarray(drawn.tokens))

    @property
    def per_step(self) -> int:
        """Characters in a batch."""
        return self.settings.batch * self.settings.window


__all__ = ["Text", "TextSettings"]
