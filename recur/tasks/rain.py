"""Will it rain? Five events of a day, and how likely it is after each."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax

from recur.compose.readout import ReadoutParams
from recur.tasks.generated import Drawn, Generated
from recur.tasks.pictures import png
from recur.tasks.settings import Settings
from recur.tasks.task import Card, Shown
from recur.types import Array

EVENTS = (
    "the dog barks",
    "I wear a white shirt",
    "there is apple pie",
    "my knee hurts",
    "it gets dark",
)
PRIOR = 0.3  # Of a day with rain.
# How often each event comes first, and how often after another, in the order of EVENTS:
# on a day with rain a knee hurts more often, and most of all before it gets dark.
FIRST = {
    "rain": np.array([0.20, 0.15, 0.15, 0.30, 0.20]),
    "dry": np.array([0.25, 0.25, 0.25, 0.10, 0.15]),
}
NEXT = {
    "rain": np.array([
        [0.10, 0.15, 0.15, 0.35, 0.25],
        [0.20, 0.10, 0.20, 0.30, 0.20],
        [0.20, 0.20, 0.10, 0.30, 0.20],
        [0.10, 0.10, 0.10, 0.15, 0.55],
        [0.30, 0.15, 0.15, 0.25, 0.15],
    ]),
    "dry": np.array([
        [0.15, 0.30, 0.30, 0.10, 0.15],
        [0.30, 0.15, 0.30, 0.10, 0.15],
        [0.30, 0.30, 0.15, 0.10, 0.15],
        [0.25, 0.30, 0.30, 0.10, 0.05],
        [0.20, 0.30, 0.30, 0.05, 0.15],
    ]),
}  # fmt: skip


def posterior(events: np.ndarray) -> np.ndarray:
    """Gives the exact probability of rain after each event, by Bayes' rule.

    Args:
      events: Places in ``EVENTS``, ``[B, T]``.

    Returns:
      ``[B, T]``.

    Example:
      >>> posterior(np.array([[3, 4]])).round(3)
      array([[0.562, 0.934]])
    """
    logs = {}
    for day in FIRST:
        steps = np.log(NEXT[day])[events[:, :-1], events[:, 1:]]
        first = np.log(FIRST[day])[events[:, :1]]
        logs[day] = np.concatenate([first, steps], axis=1).cumsum(1)
    odds = np.log(PRIOR) - np.log(1 - PRIOR) + logs["rain"] - logs["dry"]
    return 1 / (1 + np.exp(-odds))


class Rain(Generated[Settings]):
    """Says after each event how likely rain is; what came before matters.

    Example:
      >>> task = Rain(Settings(hidden=4))
      >>> task.test.xs.shape
      (1024, 5, 5)
    """

    name = "rain"
    card = Card(
        "five events of a day", "how likely rain is after each", "many-to-one",
        "drawn as it is needed", "1",
    )  # fmt: skip
    defaults = Settings(cell="gru", hidden=32, batch=256, steps=3000)
    measure = "nats above Bayes"
    loss_unit = "nats"
    higher_is_better = False
    sizes: ClassVar[tuple[int, int]] = (len(EVENTS), 1)

    def draw(self, rng: np.random.Generator, count: int) -> Drawn:
        """Draws whether it rains, then the events of such days."""
        rains = rng.random(count) < PRIOR
        chances = [
            np.where(rains[:, None, None], NEXT["rain"], NEXT["dry"]),
            np.where(rains[:, None], FIRST["rain"], FIRST["dry"]),
        ]
        events = [_choose(rng, chances[1])]
        for _ in range(len(EVENTS) - 1):
            events.append(_choose(rng, chances[0][np.arange(count), events[-1]]))
        xs = np.eye(len(EVENTS), dtype=np.float32)[np.stack(events, 1)]
        return Drawn(xs, rains.astype(np.float32))

    def losses(self, ys: Array, targets: Array) -> Array:
        """Cross entropy of whether it rains, after each event."""
        labels = jnp.broadcast_to(targets[None], ys.shape[:2])
        return optax.sigmoid_binary_cross_entropy(ys[..., 0], labels).mean(0)

    def evaluate(self, params: ReadoutParams) -> float:
        """Mean divergence of what is said from the exact probability."""
        return self._above_bayes(params, self.valid)

    def _above_bayes(self, params: ReadoutParams, examples: Drawn) -> float:
        p = posterior(examples.xs.argmax(-1))
        return _divergence(p, self.probabilities(params, examples.xs))

    def probabilities(self, params: ReadoutParams, xs: np.ndarray) -> np.ndarray:
        """Gives the probability of rain after each event, ``[B, T]``."""
        logits = self.outputs(params, jnp.asarray(xs))[..., 0]
        return np.asarray(jax.nn.sigmoid(logits)).T

    def figures(self, params: ReadoutParams) -> dict[str, float]:
        """Mean divergence from the exact probability on the test."""
        return {f"test {self.measure}": self._above_bayes(params, self.test)}

    def baselines(self) -> dict[str, float]:
        """Says what is said without looking, and looking at the last event alone."""
        events = self.valid.xs.argmax(-1)
        p = posterior(events)
        blind = np.full_like(p, PRIOR)
        # What the last event alone says of rain, from as many days as anybody likes.
        drawn = self.draw(np.random.default_rng(0), 50_000)
        seen = drawn.xs.argmax(-1)
        rains = np.broadcast_to(drawn.targets[:, None], seen.shape)
        often = [
            np.bincount(s, r, 5) / np.bincount(s, minlength=5)
            for s, r in zip(seen.T, rains.T, strict=True)
        ]
        last = np.stack([o[e] for o, e in zip(often, events.T, strict=True)], 1)
        return {"prior": _divergence(p, blind), "last event": _divergence(p, last)}

    def show(self, params: ReadoutParams) -> Shown:
        """Tells the story, and draws the probability beside the exact one."""
        story, other = [0, 1, 2, 3, 4], [4, 3, 2, 1, 0]
        figure = matplotlib.figure.Figure(figsize=(9, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        lines = []
        for axes, events in zip(panels, (story, other), strict=True):
            said, exact = self._both(params, np.array([events]))
            names = [EVENTS[n] for n in events]
            axes.plot([PRIOR, *exact], color="gray", marker="o", label="exact Bayes")
            axes.plot(range(1, 6), said, marker=".", label="network")
            axes.set_xticks(range(6), ["morning", *names], rotation=30, ha="right")
            axes.set_ylim(0, 1)
            rows = zip(names, said, exact, strict=True)
            lines += [f"{n:22s} {100 * a:3.0f} % (Bayes {100 * b:3.0f} %)"
                      for n, a, b in rows]  # fmt: skip
            lines.append("")
        panels[0].set_ylabel("probability of rain")
        panels[0].legend()
        return Shown("\n".join(lines).rstrip(), {"story": png(figure)})

    def _both(
        self, params: ReadoutParams, events: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        xs = np.eye(len(EVENTS), dtype=np.float32)[events]
        return self.probabilities(params, xs)[0], posterior(events)[0]

    def say(self, params: ReadoutParams, text: str) -> str:
        """Tells how likely rain is after events such as ``"knee, dark"``."""
        words = [word.strip() for word in text.split(",")]
        found = [[n for n, e in enumerate(EVENTS) if w and w in e] for w in words]
        for word, places in zip(words, found, strict=True):
            if len(places) != 1:
                raise ValueError(
                    f"say: '{word}' is no event; expected words of "
                    f"{', '.join(EVENTS)}, with commas between, such as 'knee, dark'."
                )
        said, exact = self._both(params, np.array([[n for (n,) in found]]))
        rows = zip(found, said, exact, strict=True)
        return "\n".join(
            f"{EVENTS[n]:22s} {100 * a:3.0f} % (Bayes {100 * b:3.0f} %)"
            for (n,), a, b in rows
        )


def _choose(rng: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    """Draws a class a row, of probabilities ``[B, 5]``."""
    return (rng.random((len(chances), 1)) > chances.cumsum(-1)[:, :-1]).sum(-1)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    q = np.clip(q, 1e-6, 1 - 1e-6)
    return float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).mean())


__all__ = ["Rain", "posterior"]
