"""What an application is: its data, its network, its loss, and what it shows."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from recur.tasks.settings import Settings
from recur.training.train_step import TrainStep, make_train_step
from recur.types import Array, PyTree

S = TypeVar("S", bound=Settings)


class Card(NamedTuple):
    """What the list of applications says of one."""

    takes: str
    gives: str
    shape: str
    data: str
    minutes: str


@dataclass
class Shown:
    """What a person looks at when a run has ended.

    Args:
      text: Lines to print.
      pictures: PNG files by name, without ending.

    Example:
      >>> Shown("a line").pictures
      {}
    """

    text: str = ""
    pictures: dict[str, bytes] = field(default_factory=dict)


class Task(ABC, Generic[S]):
    """One application: a subclass reads data, and gives a network, a loss, a measure.

    Args:
      settings: Sizes, seed, steps.
      directory: Where the data sets are; without it the embedded stand-in is read.

    Raises:
      ValueError: If the data is not there or of another format.

    Example:
      >>> from recur.tasks.rain import Rain
      >>> task = Rain(Settings(hidden=4, batch=2))
      >>> params = task.init(jax.random.key(0))
      >>> loss, _ = task.loss(params, None, task.batch(0), jax.random.key(1))
      >>> loss.shape, list(task.baselines())
      ((), ['prior', 'last event'])
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    defaults: ClassVar[Settings]
    measure: ClassVar[str] = "% right"
    higher_is_better: ClassVar[bool] = True
    loss_unit: ClassVar[str] = "nats"
    every: ClassVar[int] = 100
    """Steps from one evaluation, with its checkpoint, to the next."""
    unit: ClassVar[str] = "seq"
    """What the progress bar counts."""

    source: str
    """What was read, in a line."""
    digest: str
    """What identifies it."""

    def __init__(self, settings: S, directory: Path | None = None) -> None:
        self.settings: S = settings
        self.read(directory)

    @abstractmethod
    def read(self, directory: Path | None) -> None:
        """Reads the data, and says in ``source`` and ``digest`` what it is."""

    @abstractmethod
    def init(self, key: Array) -> PyTree:
        """Draws the params."""

    def init_carry(self) -> PyTree:
        """Makes what is handed on from batch to batch, if anything is."""
        return None

    @abstractmethod
    def batch(self, step: int) -> PyTree:
        """Gives the batch of a step, always the same one."""

    def loss(
        self, params: PyTree, carry: PyTree, batch: PyTree, key: Array
    ) -> tuple[Array, PyTree]:
        """Gives the mean loss of a batch, and what is handed on."""
        raise NotImplementedError(
            f"{type(self).__name__}: it has neither a loss nor a make_train_step of "
            "its own; expected one of them."
        )

    @abstractmethod
    def evaluate(self, params: PyTree) -> float:
        """Measures the params on what is held out to choose them by."""

    @abstractmethod
    def baselines(self) -> dict[str, float]:
        """Measures what has to be beaten, by name, the worst first."""

    def figures(self, params: PyTree) -> dict[str, float]:
        """Measures what is reported in the end, by name."""
        return {self.measure: self.evaluate(params)}

    def show(self, params: PyTree) -> Shown:
        """Makes what a person looks at."""
        return Shown()

    @abstractmethod
    def say(self, params: PyTree, text: str) -> str:
        """Answers a user's own input."""

    def make_train_step(self) -> TrainStep:
        """Makes the functions that begin training, and take a step of it."""
        return make_train_step(self.loss, self.make_optimizer())

    def make_optimizer(self) -> optax.GradientTransformation:
        """Makes the optimiser; by default Adam on clipped gradients."""
        return make_optimizer(self.settings)

    @property
    def per_step(self) -> int:
        """How many of what the progress bar counts are in a batch."""
        return self.settings.batch


def make_optimizer(settings: Settings) -> optax.GradientTransformation:
    """Adam on clipped gradients; its rate falls as ``1/√t`` and needs no last step.

    Example:
      >>> optimizer = make_optimizer(Settings())
      >>> state = optimizer.init(jnp.zeros(3))
    """

    def rate(t: ArrayLike) -> Array:
        late = jnp.asarray(t, jnp.float32) / 250
        warm = jnp.minimum(4 * late + 0.01, 1 / jnp.sqrt(1 + late))
        return settings.learning_rate * warm

    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


def digest_of(*parts: Any) -> str:
    """SHA-256 of texts and arrays, one after another.

    Example:
      >>> digest_of("a", np.zeros(2)) == digest_of("a", np.zeros(3))
      False
    """
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else np.asarray(part).tobytes()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def sum_valid(values: Array, seq_lengths: Array) -> tuple[Array, Array]:
    """Sums values ``[T, B]`` over the steps that count, and counts these.

    Example:
      >>> sum_valid(jnp.ones((3, 2)), jnp.array([3, 1]))
      (Array(4., dtype=float32), Array(4., dtype=float32))
    """
    valid = jnp.arange(len(values))[:, None] < seq_lengths[None]
    count = seq_lengths.sum().astype(values.dtype)
    return jnp.where(valid, values, 0).sum(), count


def in_batches(
    function: Callable[..., Array], params: PyTree, examples: PyTree, *, size: int
) -> np.ndarray:
    """Applies a compiled function to all examples, some at a time.

    The last batch is filled up with its first example, so that one program is enough.

    Args:
      function: ``(params, batch) -> [size, ...]``.
      params: Its first argument.
      examples: Arrays ``[N, ...]``.
      size: Examples at a time.

    Returns:
      The results, ``[N, ...]``.

    Example:
      >>> in_batches(lambda w, x: w * x, 2, np.arange(5), size=2)
      array([0, 2, 4, 6, 8])
    """
    count, results = len(jax.tree.leaves(examples)[0]), []
    for start in range(0, count, size):
        stop = min(start + size, count)
        places = np.r_[start:stop, np.full(start + size - stop, start)]
        batch = jax.tree.map(lambda a, p=places: a[p], examples)
        results.append(np.asarray(function(params, batch))[: stop - start])
    return np.concatenate(results)


__all__ = [
    "Card",
    "Shown",
    "Task",
    "digest_of",
    "in_batches",
    "make_optimizer",
    "sum_valid",
]
