"""An agent that has to remember: recurrent proximal policy optimisation.

Acting and learning are one compiled function. Acting is a roll whose step looks, acts
and lets the world answer; learning rolls the network over what was seen, with ``reset``
where an episode began.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax

from recur._roll.unroll import unroll
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.tasks.pictures import png
from recur.tasks.settings import CELLS, Settings, option
from recur.tasks.task import Card, Shown, Task, digest_of
from recur.tasks.worlds import WORLDS, World
from recur.training.train_step import Metrics, TrainState, TrainStep, tree_norm
from recur.types import Array, PyTree

DISCOUNT, TRACE, CLIP = 0.98, 0.95, 0.2


@dataclass(frozen=True, kw_only=True)
class AgentSettings(Settings):
    """Settings of an agent.

    Example:
      >>> AgentSettings().of
      'maze'
    """

    of: str = option("maze", "the world", choices=tuple(WORLDS))
    memory: str = option("yes", "whether the agent remembers", choices=("no", "yes"))
    cell: str = option("gru", "the cell of a layer", choices=tuple(CELLS))
    hidden: int = option(64, "units a layer")
    batch: int = option(64, "worlds side by side")
    window: int = option(64, "steps between two times of learning")
    epochs: int = option(4, "times that what was seen is learned")
    learning_rate: float = option(3e-3, "at its peak", least=1e-9, most=1e3)
    entropy: float = option(0.01, "weight of the entropy", least=0, most=10)


class Life(NamedTuple):
    """Where all worlds and the agent in each of them are."""

    worlds: PyTree
    carry: PyTree
    seen: Array  # [B, S]
    start: Array  # [B], of an episode


class Step(NamedTuple):
    """What happened in a step, in all worlds."""

    seen: Array
    start: Array
    action: Array
    log_p: Array
    value: Array
    reward: Array
    done: Array


class Agent(Task[AgentSettings]):
    """Learns to act in a world that shows only part of itself.

    Example:
      >>> task = Agent(AgentSettings(hidden=4))
      >>> task.model.output_size
      4

    References:
      Schulman et al., `Proximal policy optimization algorithms
      <https://arxiv.org/abs/1707.06347>`_, 2017.
    """

    name = "agent"
    card = Card(
        "what an agent sees", "what it does", "episodes with resets",
        "a maze, or cards, as pure functions", "2",
    )  # fmt: skip
    defaults = AgentSettings(steps=400)
    measure = "mean return"
    loss_unit = "loss"
    every = 25

    def read(self, directory: Path | None) -> None:
        """Takes a world; there is no file to read."""
        self.world: World = WORLDS[self.settings.of]
        self.source = f"{self.world}"
        self.digest = digest_of(self.source, self.settings.memory)

    @cached_property
    def model(self) -> Readout:
        """Stacks cells under a logit an action, and a value."""
        layers = (self.settings.make_cell(),) * self.settings.layers
        return Readout(Stack(layers), len(self.world.actions) + 1)

    def init(self, key: Array) -> ReadoutParams:
        """Draws the weights."""
        return self.model.init(key, input_size=len(self.world.sights))

    def init_carry(self) -> Life:
        """Begins an episode in every world."""
        return self._begin(jax.random.key(self.settings.seed), self.settings.batch)

    def _begin(self, key: Array, count: int) -> Life:
        worlds, seen = jax.vmap(self.world.first)(jax.random.split(key, count))
        return Life(
            worlds, self.model.init_carry((count,)), seen, jnp.ones(count, bool)
        )

    def batch(self, step: int) -> None:
        """Nothing: what is learned from is what the agent does."""

    def roll(
        self, params: ReadoutParams, carry: PyTree, seen: Array, start: Array
    ) -> tuple[PyTree, Array, Array]:
        """Rolls the network: the carry, log-probabilities ``[T, B, A]``, values."""
        # Without memory every step is as if it were the first.
        reset = start if self.settings.memory == "yes" else jnp.ones_like(start)
        carry, ys = unroll(self.model, params, carry, seen, reset=reset)
        return carry, jax.nn.log_softmax(ys[..., :-1]), ys[..., -1]

    def live(self, params: ReadoutParams, life: Life, key: Array) -> tuple[Life, Step]:
        """Looks, acts, and lets all worlds answer: a step like any other."""
        k_act, k_step, k_first = jax.random.split(key, 3)
        now = life.seen[None], life.start[None]
        carry, log_p, value = self.roll(params, life.carry, *now)
        action = jax.random.categorical(k_act, log_p[0])
        count = len(action)
        keys = jax.random.split(k_step, count)
        came = jax.vmap(self.world.step)(life.worlds, action, keys)
        anew = self._begin(k_first, count)
        worlds, seen = (
            jax.tree.map(partial(_where, came.done), new, old)
            for new, old in ((anew.worlds, came.state), (anew.seen, came.seen))
        )
        taken = jnp.take_along_axis(log_p[0], action[:, None], -1)[:, 0]
        told = life.seen, life.start, action, taken, value[0], came.reward, came.done
        return Life(worlds, carry, seen, came.done), Step(*told)

    def make_train_step(self) -> TrainStep:
        """Makes the step that acts for a window, and learns from it some times."""
        optimizer, init = self.make_optimizer(), super().make_train_step().init

        def step(state: TrainState, batch: None, key: Array) -> tuple:
            keys = jax.random.split(key, self.settings.window)
            life, steps = unroll(self.live, state.params, state.carry, keys)
            advantages = self._advantages(state.params, life, steps)
            objective = partial(self.objective, carry=state.carry.carry, steps=steps,
                                advantages=advantages)  # fmt: skip

            def learn(_: None, at: PyTree, x: None) -> tuple[PyTree, PyTree]:
                params, opt = at
                loss, grads = jax.value_and_grad(objective)(params)
                updates, opt = optimizer.update(grads, opt, params)
                told = loss, tree_norm(grads)
                return (optax.apply_updates(params, updates), opt), told

            start, epochs = (state.params, state.opt_state), self.settings.epochs
            (params, opt), told = unroll(learn, None, start, None, length=epochs)
            new = state._replace(
                params=params, opt_state=opt, carry=life, steps=state.steps + 1
            )
            loss, norm = (a[-1] for a in told)
            return new, Metrics(loss, norm, state.scale.scale, state.skipped)

        return TrainStep(init, jax.jit(step, donate_argnums=0))

    def _advantages(self, params: ReadoutParams, life: Life, steps: Step) -> Array:
        """How much better each action was than was thought, ``[T, B]``."""
        now = life.seen[None], life.start[None]
        last = self.roll(params, life.carry, *now)[2]
        goes_on = DISCOUNT * (1 - steps.done.astype(jnp.float32))
        after = jnp.concatenate([steps.value[1:], last])
        surprise = steps.reward + goes_on * after - steps.value

        def trace(_: None, a: Array, x: tuple[Array, Array]) -> tuple[Array, Array]:
            a = x[0] + TRACE * x[1] * a
            return a, a

        first = jnp.zeros_like(last[0])
        return unroll(trace, None, first, (surprise, goes_on), reverse=True)[1]

    def objective(
        self, params: ReadoutParams, carry: PyTree, steps: Step, advantages: Array
    ) -> Array:
        """The clipped objective, with the error of the values and the entropy."""
        _, log_p, value = self.roll(params, carry, steps.seen, steps.start)
        taken = jnp.take_along_axis(log_p, steps.action[..., None], -1)[..., 0]
        ratio = jnp.exp(taken - steps.log_p)
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        clipped = jnp.clip(ratio, 1 - CLIP, 1 + CLIP)
        policy = -jnp.minimum(ratio * scaled, clipped * scaled).mean()
        error = ((value - (steps.value + advantages)) ** 2).mean()
        entropy = -(jnp.exp(log_p) * log_p).sum(-1).mean()
        return policy + 0.5 * error - self.settings.entropy * entropy

    @cached_property
    def _lives(self):
        def lives(params: ReadoutParams, key: Array) -> tuple[Array, Array]:
            k_begin, key = jax.random.split(key)
            keys = jax.random.split(key, 200)
            _, steps = unroll(self.live, params, self._begin(k_begin, 512), keys)
            # Rewards of episodes that ended, and how many these are.
            ended = jnp.flip(jnp.cumsum(jnp.flip(steps.done, 0), 0), 0) > 0
            return jnp.where(ended, steps.reward, 0).sum(), steps.done.sum()

        return jax.jit(lives)

    def evaluate(self, params: ReadoutParams) -> float:
        """Mean return of episodes, the actions drawn."""
        total, count = self._lives(params, jax.random.key(1))
        return float(total / jnp.maximum(count, 1).astype(jnp.float32))

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Mean return of other episodes."""
        total, count = self._lives(params, jax.random.key(2))
        return {"test mean return": float(total) / max(1, int(count))}

    def baselines(self) -> dict[str, float]:
        """The best that can be had without memory."""
        return {"best without memory": self.world.memoryless}

    def episode(
        self, params: ReadoutParams, key: Array, *, most: int = 40
    ) -> list[tuple[np.ndarray, np.ndarray, int]]:
        """Lives one episode by the likeliest actions: what is seen, thought, done."""
        (world, seen), told = self.world.first(key), []
        carry, start = self.model.init_carry((1,)), jnp.ones((1, 1), bool)
        for _ in range(most):
            carry, log_p, _ = self.roll(params, carry, seen[None, None], start)
            p, start = np.exp(np.asarray(log_p[0, 0])), jnp.zeros((1, 1), bool)
            told.append((np.asarray(seen), p, int(p.argmax())))
            world, seen, _, done = self.world.step(world, jnp.int32(p.argmax()), key)
            if done:
                break
        return told

    def show(self, params: ReadoutParams) -> Shown:
        """Draws what two episodes looked like, and what was done."""
        figure = matplotlib.figure.Figure(figsize=(9, 6), layout="constrained")
        grid = figure.subplots(2, 2, sharex="col")
        for n, column in enumerate(grid.T):
            told = self.episode(params, jax.random.key(n))
            seen, p = (np.stack([step[i] for step in told]) for i in range(2))
            column[0].imshow(seen.T, aspect="auto", cmap="Greys", vmin=0, vmax=1)
            column[0].set_title("what is seen")
            column[0].set_yticks(range(seen.shape[1]), self.world.sights)
            column[1].imshow(p.T, aspect="auto", cmap="Greys", vmin=0, vmax=1)
            column[1].set_yticks(range(p.shape[1]), self.world.actions)
            column[1].set(title="probability of each action", xlabel="steps")
        return Shown(pictures={"episodes": png(figure)})

    def say(self, params: ReadoutParams, text: str) -> str:
        """Tells an episode, chosen by a number."""
        if not text.strip().isdecimal():
            raise ValueError(
                f"say: '{text}' came; expected a number, which chooses an episode."
            )
        told = self.episode(params, jax.random.key(int(text) % 2**31))
        world = self.world
        rows = (
            f"saw {world.sights[seen.argmax()]}, did {world.actions[action]}"
            for seen, _, action in told
        )
        return "\n".join(rows)


def _where(done: Array, new: Array, old: Array) -> Array:
    return jnp.where(done.reshape(done.shape + (1,) * (new.ndim - 1)), new, old)


__all__ = ["Agent", "AgentSettings", "Life", "Step"]
