"""Linear recurrences timed beside those of other libraries, in turns."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.measure.linear import check_equal, timed, waiting
from benchmarks.measure.turns import Budget
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
    # Outputs, and gradients by the inputs.
    check_equal(*((c[False](), c[True]()[0]) for c in (ours, theirs)), rtol=1e-3)
    measured = {}
    for training, call in ours.items():
        calls = {"theirs": theirs[training], "ours": call}
        times, spread = timed(calls, budget)
        measured[training] = Measured(**times, spread=spread)
    return measured


def _in_jax(function: Callable[..., Any], weights: Any, arrays: list[Any]) -> Calls:
    xs = [jnp.asarray(a) for a in arrays]

    def loss(xs: Any, weights: Any) -> Any:
        return jnp.sum(jnp.square(function(weights, *xs)))

    forward = jax.jit(lambda xs, weights: function(weights, *xs))
    training = jax.jit(jax.grad(loss, (0, 1)))
    return {
        False: waiting(forward, xs, weights),
        True: waiting(training, xs, weights),
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


__all__ = ["Measured", "measure_beside"]
