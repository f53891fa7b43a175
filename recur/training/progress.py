"""Progress that is read late, so that the device never waits for a print."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np

from recur import _checks as checks
from recur.types import PyTree


def train(
    step: Callable[..., tuple[PyTree, PyTree]],
    state: PyTree,
    batches: Iterable[tuple[Any, ...]],
    *,
    delay: int = 1,
) -> Iterator[tuple[PyTree, Any]]:
    """Steps through batches, and hands out the metrics of earlier steps as numbers.

    JAX runs ahead: a step is only sent to the device. Whoever reads its loss at once
    waits for it, and the device then waits for the next step. Here the metrics of a
    step start on their way when it is sent, and are read when ``delay`` later ones have
    been, so that there is always work in line. Steps are never more than ``delay``
    ahead of what has been read.

    Args:
      step: ``(state, *batch) -> (state, metrics)``, such as that of
        :func:`make_train_step`.
      state: Enters the first step; donated if ``step`` does so.
      batches: Tuples, each the arguments of one step after ``state``.
      delay: Steps sent before the metrics of one are read; 0 reads at once.

    Yields:
      ``(state, metrics)`` once for each batch and in order: the metrics as NumPy
      arrays, and the newest state, which with donation holds until the next turn.

    Raises:
      TypeError: If a batch is not a tuple.
      ValueError: If ``delay`` is not an integer of 0 or more.

    Example:
      >>> step = lambda state, x: (state + x, {"loss": 2 * state})
      >>> batches = [(jnp.float32(x),) for x in (1, 2, 3)]
      >>> for state, metrics in train(step, jnp.float32(0), batches):
      ...     print(state, metrics["loss"])
      3.0 0.0
      6.0 2.0
      6.0 6.0
    """
    if isinstance(delay, bool) or not isinstance(delay, int) or delay < 0:
        raise ValueError(
            f"train: delay is {checks.describe(delay)}; expected an integer of 0 or "
            "more. 1 keeps one step in line."
        )
    return _train(step, state, batches, delay)


def _train(
    step: Callable[..., tuple[PyTree, PyTree]],
    state: PyTree,
    batches: Iterable[tuple[Any, ...]],
    delay: int,
) -> Iterator[tuple[PyTree, Any]]:
    sent = deque()
    for batch in batches:
        if not isinstance(batch, (tuple, list)):
            raise TypeError(
                f"train: batches has {checks.describe(batch)}; expected tuples, each "
                "the arguments of a step after state. Write (batch,) for a single one."
            )
        state, metrics = step(state, *batch)
        for leaf in jax.tree.leaves(metrics):
            if hasattr(leaf, "copy_to_host_async"):  # Plain numbers are here already.
                leaf.copy_to_host_async()
        sent.append(metrics)
        if len(sent) > delay:
            yield state, jax.tree.map(np.asarray, sent.popleft())
    while sent:
        yield state, jax.tree.map(np.asarray, sent.popleft())


__all__ = ["train"]
