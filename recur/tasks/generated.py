"""Applications whose examples are drawn as they are needed."""

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from recur._roll.unroll import unroll
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.tasks.settings import Settings
from recur.tasks.task import Task, digest_of, in_batches
from recur.types import Array, PyTree

G = TypeVar("G", bound=Settings)


class Drawn(NamedTuple):
    """Sequences and what is to be said of them; rows first."""

    xs: np.ndarray  # [B, T, I]
    targets: np.ndarray  # [B, ...]


class Generated(Task[G]):
    """Draws examples, and reads them step by step under an output layer.

    A subclass gives ``sizes``, ``draw`` and ``losses``.

    Example:
      >>> class Last(Generated[Settings]):
      ...     name, sizes, measure = "last", (1, 1), "squared error"
      ...     def draw(self, rng, count):
      ...         xs = rng.random((count, 5, 1), np.float32)
      ...         return Drawn(xs, xs[:, -1, 0])
      ...     def losses(self, ys, targets):
      ...         return (ys[-1, :, 0] - targets) ** 2
      ...     def baselines(self):
      ...         return {"always 0": float(np.mean(self.valid.targets**2))}
      ...     def say(self, params, text):
      ...         return text.split()[-1]
      >>> Last(Settings(hidden=4)).batch(0).xs.shape
      (32, 5, 1)
    """

    sizes: ClassVar[tuple[int, int]]
    """Entries of an input, and of an output."""
    held_out: ClassVar[int] = 1024
    """Sequences to validate on, and as many to test on."""

    def read(self, directory: Path | None) -> None:
        """Draws what is held out; there is no file to read."""
        rng = np.random.default_rng([2**31, self.settings.seed])
        self.valid, self.test = (self.draw(rng, self.held_out) for _ in range(2))
        self.source = "drawn as it is needed"
        self.digest = digest_of(self.name, *self.valid)

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draws so many examples."""

    @abstractmethod
    def losses(self, ys: Array, targets: Array) -> Array:
        """Gives the loss of each row, ``[B]``, of outputs ``[T, B, O]``."""

    @cached_property
    def model(self) -> Readout:
        """Stacks cells under an output layer."""
        return Readout(Stack((self.make_cell(),) * self.settings.layers), self.sizes[1])

    def make_cell(self) -> Any:
        """Makes the cell of a layer."""
        return self.settings.make_cell()

    def init(self, key: Array) -> ReadoutParams:
        """Draws the weights."""
        return self.model.init(key, input_size=self.sizes[0])

    def batch(self, step: int) -> Drawn:
        """Draws the examples of a step."""
        rng = np.random.default_rng([self.settings.seed, step])
        return self.draw(rng, self.settings.batch)

    def outputs(self, params: ReadoutParams, xs: Array) -> Array:
        """Rolls the model over ``xs [B, T, I]``: ``[T, B, O]``."""
        return unroll(self.model, params, None, jnp.asarray(xs).swapaxes(0, 1))[1]

    def loss(
        self, params: ReadoutParams, carry: PyTree, batch: Drawn, key: Array
    ) -> tuple[Array, PyTree]:
        """Mean loss of the rows."""
        ys = self.outputs(params, jnp.asarray(batch.xs))
        return self.losses(ys, jnp.asarray(batch.targets)).mean(), None

    @cached_property
    def _losses(self):
        return jax.jit(lambda p, b: self.losses(self.outputs(p, b.xs), b.targets))

    def mean_loss(self, params: ReadoutParams, examples: Drawn) -> float:
        """Mean loss of examples that are held out."""
        return float(in_batches(self._losses, params, examples, size=256).mean())

    def evaluate(self, params: ReadoutParams) -> float:
        """Mean loss of the validation."""
        return self.mean_loss(params, self.valid)

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Mean loss of the test."""
        return {f"test {self.measure}": self.mean_loss(params, self.test)}


__all__ = ["Drawn", "Generated"]
