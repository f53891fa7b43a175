"""Tasks that are only solved by remembering over a known number of steps."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array


class LagTask(Protocol):
    """What a cure is tried on; a value, so that it is safe as a static argument."""

    name: ClassVar[str]
    score_name: ClassVar[str]

    @property
    def length(self) -> int:
        """``T`` as the table has it."""
        ...

    @property
    def input_size(self) -> int:
        """``I``."""
        ...

    @property
    def output_size(self) -> int:
        """``O``."""
        ...

    @property
    def floor(self) -> float:
        """The score of the best answer that remembers nothing."""
        ...

    @property
    def solved(self) -> float:
        """A score below it counts as solved."""
        ...

    def load(self) -> Any:
        """Data that examples are drawn from, or ``None``."""
        ...

    def draw(
        self, data: Any, key: Array, batch: int, *, test: bool
    ) -> tuple[Array, Any]:
        """Draws ``xs [T, B, I]`` and targets."""
        ...

    def losses(self, ys: Array, targets: Any) -> Array:
        """The loss of each row, ``[B]``."""
        ...

    def score(self, ys: Array, targets: Any) -> Array:
        """What the table shows; less is better."""
        ...


@dataclass(frozen=True)
class Adding:
    """Two numbers of a sequence are marked; their sum is asked for at its end.

    One lies in the first half and one in the second. Always to answer 1 has the mean
    square error 1/6.

    Example:
      >>> xs, sums = Adding(6).draw(None, jax.random.key(0), 4, test=False)
      >>> xs.shape, sums.shape
      ((6, 4, 2), (4,))
    """

    length: int
    name: ClassVar[str] = "adding"
    score_name: ClassVar[str] = "mean square error"
    input_size: int = 2
    output_size: int = 1
    floor: float = 1 / 6
    solved: float = 1 / 60

    def load(self) -> None:
        """Has no data."""

    def draw(
        self, data: None, key: Array, batch: int, *, test: bool
    ) -> tuple[Array, Array]:
        """Draws sequences and their sums."""
        k_numbers, k_first, k_second = jax.random.split(key, 3)
        numbers = jax.random.uniform(k_numbers, (self.length, batch))
        half, t = self.length // 2, jnp.arange(self.length)[:, None]
        first = jax.random.randint(k_first, (1, batch), 0, half)
        second = jax.random.randint(k_second, (1, batch), half, self.length)
        marks = ((t == first) | (t == second)).astype(numbers.dtype)
        xs = jnp.stack([numbers, marks], axis=-1)
        return xs, jnp.sum(numbers * marks, axis=0)

    def losses(self, ys: Array, targets: Array) -> Array:
        """Square errors at the last step."""
        return jnp.square(ys[-1, :, 0] - targets)

    def score(self, ys: Array, targets: Array) -> Array:
        """Mean square error."""
        return jnp.mean(self.losses(ys, targets))


@dataclass(frozen=True)
class Copying:
    """A few symbols, ``T`` blanks, a sign; then the symbols are asked for in order.

    Blanks everywhere and a guess at the end cost ``S log K / (T + 2S)`` nats a step.

    Args:
      length: ``T``, the blanks in between.
      symbols: ``S``, how many are remembered.
      alphabet: ``K``, how many there are to choose from.

    Example:
      >>> xs, labels = Copying(6).draw(None, jax.random.key(0), 4, test=False)
      >>> xs.shape, labels.shape
      ((16, 4, 10), (16, 4))
    """

    length: int
    symbols: int = 5
    alphabet: int = 8
    name: ClassVar[str] = "copy"
    score_name: ClassVar[str] = "nats per step"

    @property
    def input_size(self) -> int:
        """The symbols, the blank and the sign."""
        return self.alphabet + 2

    @property
    def output_size(self) -> int:
        """The symbols and the blank."""
        return self.alphabet + 1

    @property
    def floor(self) -> float:
        """Nats a step without memory."""
        steps = self.length + 2 * self.symbols
        return self.symbols * float(np.log(self.alphabet)) / steps

    @property
    def solved(self) -> float:
        """A tenth of it."""
        return self.floor / 10

    def load(self) -> None:
        """Has no data."""

    def draw(
        self, data: None, key: Array, batch: int, *, test: bool
    ) -> tuple[Array, Array]:
        """Draws sequences and what is to be put out at each step."""
        blank, sign = self.alphabet, self.alphabet + 1
        kept = jax.random.randint(key, (self.symbols, batch), 0, self.alphabet)
        empty = lambda steps: jnp.full((steps, batch), blank)  # noqa: E731
        wait = jnp.concatenate([kept, empty(self.length - 1)])
        asked = jnp.concatenate([jnp.full((1, batch), sign), empty(self.symbols)])
        labels = jnp.concatenate([empty(self.length + self.symbols), kept])
        words = jnp.concatenate([wait, asked])
        return jax.nn.one_hot(words, self.input_size), labels

    def losses(self, ys: Array, targets: Array) -> Array:
        """Mean cross-entropy over all steps, in nats."""
        logs = jax.nn.log_softmax(ys)
        picked = jnp.take_along_axis(logs, targets[..., None], axis=-1)
        return -jnp.mean(picked[..., 0], axis=0)

    def score(self, ys: Array, targets: Array) -> Array:
        """Mean of the losses."""
        return jnp.mean(self.losses(ys, targets))
