"""Linear recurrences timed beside those of other libraries, in turns."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure.linear import fail, turn_of
from benchmarks.measure.turns import Budget, Samples, take_turns
from benchmarks.peers.linear import PEERS, Beside

Calls = dict[bool, Callable[[], Any]]
"""Forward under ``False``: ys. Training under ``True``: gradients by xs and weights."""


class Measured(NamedTuple):
    """Medians in milliseconds, theirs and ours, and the larger spread."""

    theirs: float
    ours: float
    spread: float


def measure_beside(
    name: str, sizes: tuple[int, int, int], budget: Budget
) -> dict[bool, Measured] | str:
    """Times one peer, forward and training, after both were seen to agree.

    Args:
      name: One of :data:`PEERS`.
      sizes: ``(B, T, H)``.
      budget: When a row has been measured enough.

    Returns:
      By ``False`` for forward and ``True`` for training; or why there is nothing.
    """
    try:
        beside = PEERS[name][1](sizes)
    except ImportError as error:
        return f"not installed ({error})"
    theirs = (
        _in_torch(beside)
        if beside.in_torch
        else _in_jax(beside.theirs, beside.weights, beside.xs)
    )
    ours = _in_jax(beside.ours, beside.params, beside.xs)
    _check_equal(theirs, ours)
    return {training: _timed(theirs, ours, training, budget) for training in theirs}


def _in_jax(function: Callable[..., Any], weights: Any, arrays: list[Any]) -> Calls:
    xs = [jnp.asarray(a) for a in arrays]

    def loss(xs: Any, weights: Any) -> Any:
        return jnp.sum(jnp.square(function(weights, *xs)))

    forward = jax.jit(lambda xs, weights: function(weights, *xs))
    training = jax.jit(jax.grad(loss, (0, 1)))
    return {
        False: lambda: jax.block_until_ready(forward(xs, weights)),
        True: lambda: jax.block_until_ready(training(xs, weights)),
    }


def _in_torch(beside: Beside) -> Calls:
    torch = import_module("torch")
    xs = [torch.tensor(a).requires_grad_() for a in beside.xs]
    weights = beside.weights
    leaves = list(weights.values()) if isinstance(weights, dict) else weights

    def forward() -> Any:
        with torch.no_grad():
            return beside.theirs(weights, *xs)

    def training() -> Any:
        loss = beside.theirs(weights, *xs).square().sum()
        found = torch.autograd.grad(loss, [*xs, *leaves])
        return found[: len(xs)], found[len(xs) :]

    return {False: forward, True: training}


def _check_equal(theirs: Calls, ours: Calls) -> None:
    """Outputs, and gradients by the inputs."""
    pairs = [(theirs[False](), ours[False]())]
    pairs += zip(theirs[True]()[0], ours[True]()[0], strict=True)
    for a, b in pairs:
        one, other = np.asarray(a), np.asarray(b)
        size = float(np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * size)


def _timed(theirs: Calls, ours: Calls, training: bool, budget: Budget) -> Measured:
    samples: Samples = {}
    turns = {"theirs": turn_of(theirs[training]), "ours": turn_of(ours[training])}
    take_turns(turns, budget, samples, fail)
    times = {name: 1e3 * float(np.median(taken)) for name, taken in samples.items()}
    spread = max(float(np.std(t) / np.median(t)) for t in samples.values())
    return Measured(times["theirs"], times["ours"], spread)


__all__ = ["Measured", "measure_beside"]
