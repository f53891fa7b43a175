"""Worlds that an agent has to remember in, as pure functions."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from recur.types import Array, PyTree


class Came(NamedTuple):
    """What came of an action."""

    state: PyTree
    seen: Array  # [S]
    reward: Array
    done: Array


class World(Protocol):
    """A world of one agent; many are made of it by ``jax.vmap``.

    Example:
      >>> isinstance(Maze().actions, tuple)
      True
    """

    actions: ClassVar[tuple[str, ...]]
    """Their names."""
    sights: ClassVar[tuple[str, ...]]
    """What there is to see, an entry each."""
    memoryless: ClassVar[float]
    """The best return of an agent that remembers nothing."""

    def first(self, key: Array) -> tuple[PyTree, Array]:
        """Begins an episode: its state, and what is seen."""
        ...

    def step(self, state: PyTree, action: Array, key: Array) -> Came:
        """Takes an action."""
        ...


class MazeState(NamedTuple):
    """Where the agent is, where the way goes, and the steps taken."""

    place: Array
    up: Array
    steps: Array


@dataclass(frozen=True)
class Maze:
    """A corridor with a sign at its beginning, that says where to turn at its end.

    Args:
      length: Steps from the sign to the junction.

    Example:
      >>> world = Maze(length=2)
      >>> state, seen = world.first(jax.random.key(0))
      >>> int(state.place), int(seen[:2].sum())
      (0, 1)

    References:
      Bakker, `Reinforcement learning with long short-term memory
      <https://papers.nips.cc/paper/1953-reinforcement-learning-with-long-short-term-memory>`_,
      2001.
    """

    length: int = 10
    actions: ClassVar[tuple[str, ...]] = ("forward", "up", "down")
    sights: ClassVar[tuple[str, ...]] = ("sign up", "sign down", "corridor", "junction")
    memoryless: ClassVar[float] = 0.0

    def first(self, key: Array) -> tuple[MazeState, Array]:
        """Begins at the sign."""
        zero = jnp.int32(0)
        state = MazeState(zero, jax.random.bernoulli(key), zero)
        return state, self._seen(state)

    def _seen(self, state: MazeState) -> Array:
        sign, end = state.place == 0, state.place == self.length
        parts = sign & state.up, sign & ~state.up, ~sign & ~end, end
        return jnp.stack(parts).astype(jnp.float32)

    def step(self, state: MazeState, action: Array, key: Array) -> Came:
        """Walks, or turns: 1 for the right way, -1 for the other."""
        end = state.place == self.length
        turned = end & (action > 0)
        right = (action == 1) == state.up
        reward = jnp.where(turned, jnp.where(right, 1.0, -1.0), 0.0)
        # Standing still costs a little, so that it is no way out.
        still = jnp.where(end, action == 0, action > 0)
        reward -= jnp.where(still, 0.05, 0.0)
        place = jnp.where(~end & (action == 0), state.place + 1, state.place)
        new = MazeState(place, state.up, state.steps + 1)
        return Came(
            new, self._seen(new), reward, turned | (new.steps >= 4 * self.length)
        )


class CardsState(NamedTuple):
    """The cards of an episode, and how many were seen."""

    cards: Array
    steps: Array


@dataclass(frozen=True)
class Cards:
    """Cards are shown one by one, and that of some steps before is to be named.

    Args:
      lag: Steps before.
      length: Cards in an episode.

    Example:
      >>> world = Cards()
      >>> state, seen = world.first(jax.random.key(0))
      >>> seen.shape, state.cards.shape
      ((4,), (32,))

    References:
      Morad et al., `POPGym <https://arxiv.org/abs/2303.01859>`_, 2023, RepeatPrevious.
    """

    lag: int = 4
    length: int = 32
    actions: ClassVar[tuple[str, ...]] = ("clubs", "diamonds", "hearts", "spades")
    sights: ClassVar[tuple[str, ...]] = actions
    memoryless: ClassVar[float] = -0.5

    def first(self, key: Array) -> tuple[CardsState, Array]:
        """Deals the cards, and shows the first."""
        cards = jax.random.randint(key, (self.length,), 0, 4)
        state = CardsState(cards, jnp.int32(0))
        return state, self._seen(state)

    def _seen(self, state: CardsState) -> Array:
        return jax.nn.one_hot(state.cards[state.steps], 4)

    def step(self, state: CardsState, action: Array, key: Array) -> Came:
        """Names a card; all right makes 1 together, all wrong -1."""
        asked = state.steps >= self.lag
        right = action == state.cards[state.steps - self.lag]
        share = 1 / (self.length - self.lag)
        reward = jnp.where(asked, jnp.where(right, share, -share), 0.0)
        done = state.steps + 1 == self.length
        new = CardsState(state.cards, jnp.where(done, 0, state.steps + 1))
        return Came(new, self._seen(new), reward, done)


WORLDS: dict[str, World] = {"maze": Maze(), "cards": Cards()}


__all__ = ["Came", "Cards", "CardsState", "Maze", "MazeState", "World"]
