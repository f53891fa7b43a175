"""Many-to-one: sequences into classes, which is what several applications are."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from recur._ops.matmul import add_bias
from recur._roll.pooling import max_output
from recur._roll.unroll import unroll
from recur.compose.bidirectional import Bidirectional
from recur.compose.masks import draw_masks, keep_mask, scaled
from recur.compose.stack import Stack
from recur.data.loading import shuffled_batches
from recur.data.padding import pad
from recur.initializers import Glorot
from recur.regularize.dropout import Dropout
from recur.tasks.pictures import draw_confusion
from recur.tasks.settings import Settings, option
from recur.tasks.task import Shown, Task, in_batches
from recur.types import Array, PyTree


class Examples(NamedTuple):
    """Sequences and their classes."""

    xs: np.ndarray  # [N, T], symbols, or [N, T, F]
    lengths: np.ndarray  # [N]
    labels: np.ndarray  # [N]

    def at(self, places: Any) -> "Examples":
        """Takes some of them."""
        return Examples(*(a[places] for a in self))


def make_examples(
    sequences: list[np.ndarray], labels: np.ndarray, *, length: int | None = None
) -> Examples:
    """Lays sequences beside each other; what is longer than ``length`` is cut off.

    Example:
      >>> make_examples([np.array([1, 2]), np.array([3])], np.array([0, 1])).xs
      array([[1, 2],
             [3, 0]])
    """
    cut = [sequence[:length] for sequence in sequences]
    padded = pad(cut, time_major=False)
    return Examples(padded.values, padded.seq_lengths, np.asarray(labels, np.int32))


@dataclass(frozen=True, kw_only=True)
class ClassifierSettings(Settings):
    """Settings of a classifier.

    Example:
      >>> ClassifierSettings(dropout=0.5).embedding
      64
    """

    hidden: int = option(128, "units of each direction")
    batch: int = option(64, "sequences side by side")
    learning_rate: float = option(3e-3, "at its peak", least=1e-9, most=1e3)
    embedding: int = option(64, "entries of a symbol's vector")
    dropout: float = option(0.3, "share of entries dropped", least=0, most=0.95)


C = TypeVar("C", bound=ClassifierSettings)


class ClassifierParams(NamedTuple):
    """Weights of a classifier."""

    table: Array | None  # [V, E], of symbols
    layer: PyTree
    w: Array  # [2 H, classes]
    b: Array  # [classes]
    pool: PyTree = None  # of a pooling that has some


class Classification(Task[C]):
    """Reads a sequence in both directions, and names its class.

    A subclass reads ``train``, ``valid`` and ``test``, and gives ``classes``; and
    ``symbols``, how many there are, or 0 where inputs are vectors.

    Example:
      >>> from recur.tasks.names import Names
      >>> task = Names(ClassifierSettings(hidden=4))
      >>> task.logits(task.init(jax.random.key(0)), task.batch(0)).shape
      (64, 6)
    """

    train: Examples
    valid: Examples
    test: Examples
    classes: tuple[str, ...]
    symbols: int
    noun: ClassVar[str] = "class"

    @cached_property
    def layer(self) -> Stack:
        """Stacks bidirectional layers, with dropout after each."""
        s = self.settings
        both = Dropout(Bidirectional(s.make_cell()), s.dropout)
        return Stack((both,) * s.layers)

    def init(self, key: Array) -> ClassifierParams:
        """Draws the weights."""
        k_table, k_layer, k_w = jax.random.split(key, 3)
        size, table = self.train.xs.shape[-1], None
        if self.symbols:
            size = self.settings.embedding
            table = jax.random.normal(k_table, (self.symbols, size)) * size**-0.5
        w = Glorot()(k_w, (self.layer.output_size, len(self.classes)), jnp.float32)
        b = jnp.zeros(len(self.classes))
        return ClassifierParams(table, self.layer.init(k_layer, size), w, b)

    def prepare(self, xs: Array) -> Array:
        """Makes inputs of what is stored, ``[T, B, ...]``."""
        return xs

    def pool(self, params: ClassifierParams, ys: Array, seq_lengths: Array) -> Array:
        """Makes one output ``[B, 2 H]`` of those of all steps."""
        return max_output(ys, seq_lengths=seq_lengths)

    def outputs(
        self, params: ClassifierParams, batch: Examples, key: Array | None = None
    ) -> tuple[Array, Array]:
        """Rolls over a batch: ``[T, B, 2 H]``, and lengths; with a key, dropped out."""
        lengths = jnp.asarray(batch.lengths)
        xs = self.prepare(jnp.asarray(batch.xs).swapaxes(0, 1))
        xs = xs if params.table is None else params.table[xs]
        layer = params.layer
        if key is not None:
            k_xs, k_layer = jax.random.split(key)
            rate = self.settings.dropout
            xs = scaled(keep_mask(k_xs, rate, xs.shape), rate, xs)
            layer = draw_masks(self.layer, k_layer, layer, xs)
        return unroll(self.layer, layer, None, xs, seq_lengths=lengths)[1], lengths

    def logits(
        self, params: ClassifierParams, batch: Examples, key: Array | None = None
    ) -> Array:
        """Gives a logit a class, ``[B, classes]``; with a key, under dropout."""
        pooled = self.pool(params, *self.outputs(params, batch, key))
        return add_bias(pooled @ params.w, params.b)

    def loss(
        self, params: ClassifierParams, carry: PyTree, batch: Examples, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean cross entropy."""
        logits = self.logits(params, batch, key)
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
        return nats.mean(), None

    @cached_property
    def _order(self):
        size = min(self.settings.batch, len(self.train.labels))
        return shuffled_batches(
            len(self.train.labels), size=size, seed=self.settings.seed
        )

    def batch(self, step: int) -> Examples:
        """Takes the examples of a step."""
        return self.train.at(self._order[step])

    @cached_property
    def _probabilities(self):
        return jax.jit(lambda params, x: jax.nn.softmax(self.logits(params, x)))

    def probabilities(self, params: ClassifierParams, examples: Examples) -> np.ndarray:
        """Gives the probability of each class, ``[N, classes]``."""
        return in_batches(self._probabilities, params, examples, size=256)

    def evaluate(self, params: ClassifierParams) -> float:
        """Percent right of the validation examples."""
        return self._right(params, self.valid)

    def figures(self, params: ClassifierParams) -> dict[str, float]:
        """Percent right of the test examples."""
        return {"test % right": self._right(params, self.test)}

    def _right(self, params: ClassifierParams, examples: Examples) -> float:
        found = self.probabilities(params, examples).argmax(-1)
        return 100 * float(np.mean(found == examples.labels))

    def baselines(self) -> dict[str, float]:
        """Percent right of always saying what is most frequent."""
        most = np.bincount(self.train.labels).argmax()
        return {"most frequent": 100 * float(np.mean(self.valid.labels == most))}

    def show(self, params: ClassifierParams) -> Shown:
        """Shows which class is taken for which."""
        found = self.probabilities(params, self.test).argmax(-1)
        size = len(self.classes)
        confusion = np.zeros((size, size), int)
        np.add.at(confusion, (self.test.labels, found), 1)
        wrong = confusion - np.diag(np.diag(confusion))
        lines = [f"worst   of {len(found)} test sequences"]
        for place in np.argsort(-wrong, axis=None, kind="stable")[:5]:
            i, j = np.unravel_index(place, wrong.shape)
            if wrong[i, j]:
                pair = f"{self.classes[i]} taken for {self.classes[j]}"
                lines.append(f"        {wrong[i, j]:4d} x {pair}")
        title = f"{self.name}: which {self.noun} is taken for which"
        picture = draw_confusion(confusion, self.classes, title=title)
        return Shown("\n".join(lines), {"confusion": picture})

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """Makes a sequence of a user's own input."""

    def say(self, params: ClassifierParams, text: str) -> str:
        """Names the likeliest classes of a user's own input."""
        one = make_examples([self.encode(text)], np.zeros(1))
        (p,) = np.asarray(self._probabilities(params, one))
        best = np.argsort(-p)[: min(3, len(p))]
        return "\n".join(f"{100 * p[n]:5.1f} %  {self.classes[n]}" for n in best)


def split_places(
    count: int, *, seed: int, fold: int = 0, folds: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shuffles places, and splits them into training, validation and test.

    Of so many folds the test is the one that is asked for, and the validation the next,
    so that over all folds each place is tested once.

    Example:
      >>> train, valid, test = split_places(10, seed=0)
      >>> len(train), len(valid), len(test)
      (8, 1, 1)
    """
    order = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(order, folds)
    valid, test = (fold + 1) % folds, fold % folds
    rest = [part for n, part in enumerate(parts) if n not in (valid, test)]
    return np.concatenate(rest), parts[valid], parts[test]


__all__ = [
    "Classification",
    "ClassifierParams",
    "ClassifierSettings",
    "Examples",
    "make_examples",
    "split_places",
]
