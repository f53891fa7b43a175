"""Rolls of linear steps beside the plain scan of the same steps."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import recur
from benchmarks.measure.turns import Budget, Samples, take_turns

WAYS = {"scan": "scan", "chunks": ("composed", "chunked")}


class Case(NamedTuple):
    """A cell of ``size`` units over ``[batch, steps]``."""

    name: str
    cell: Any
    batch: int
    steps: int
    size: int


class Row(NamedTuple):
    """Milliseconds, spread and MiB of temporaries by way, forward or training."""

    case: Case
    training: bool
    milliseconds: dict[str, float]
    spread: float
    temporaries: dict[str, float]


def cases(short: bool) -> list[Case]:
    """What is measured: element-wise recurrences, and matrices."""
    if short:
        few = recur.EMA(8), recur.DeltaNet(8, heads=2)
        return [Case(type(cell).__name__, cell, 2, 16, 8) for cell in few]
    shapes = [(1, 16384, 128), (8, 4096, 128), (32, 1024, 256), (64, 512, 512)]
    kinds = recur.EMA, recur.MinGRU, recur.LRU
    rows = [
        Case(kind.__name__, kind(h), b, t, h) for kind in kinds for b, t, h in shapes
    ]
    memories = recur.LinearAttention(256, heads=4), recur.DeltaNet(256, heads=4)
    return rows + [Case(type(cell).__name__, cell, 8, 2048, 256) for cell in memories]


def measure(case: Case, *, training: bool, budget: Budget) -> Row:
    """Times both ways in turns, after they were seen to agree."""
    key, at = jax.random.split(jax.random.key(0))
    params = case.cell.init(key, case.size)
    xs = jax.random.normal(at, (case.steps, case.batch, case.size))
    programs = {
        n: _compiled(case.cell, w, training, params, xs) for n, w in WAYS.items()
    }
    calls = {n: waiting(run, params, xs) for n, run in programs.items()}
    check_equal(*(call() for call in calls.values()))
    times, spread = timed(calls, budget)
    mib = {
        n: p.memory_analysis().temp_size_in_bytes / 2**20 for n, p in programs.items()
    }
    return Row(case, training, times, spread, mib)


def _compiled(cell: Any, way: Any, training: bool, params: Any, xs: Any) -> Any:
    def forward(params: Any, xs: Any) -> Any:
        return recur.unroll(cell, params, None, xs, implementation=way)[1]

    def loss(params: Any, xs: Any) -> Any:
        return jnp.mean(jnp.square(forward(params, xs)))

    function: Callable[..., Any] = jax.grad(loss, (0, 1)) if training else forward
    return jax.jit(function).lower(params, xs).compile()


def waiting(run: Any, *args: Any) -> Callable[[], Any]:
    """Makes a call that is over when its results are there."""
    return lambda: jax.block_until_ready(run(*args))


def timed(
    calls: dict[str, Callable[[], Any]], budget: Budget
) -> tuple[dict[str, float], float]:
    """Takes turns: medians in milliseconds by name, and the largest spread."""
    samples: Samples = {}
    turns = {name: partial(_seconds, call) for name, call in calls.items()}
    take_turns(turns, budget, samples, _fail)
    times = {name: 1e3 * float(np.median(taken)) for name, taken in samples.items()}
    return times, max(float(np.std(t) / np.median(t)) for t in samples.values())


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def check_equal(one: Any, other: Any, *, rtol: float = 1e-2) -> None:
    """Compares trees of arrays of any library, leaf by leaf."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        size = float(np.max(np.abs(np.asarray(a))))
        np.testing.assert_allclose(b, a, rtol=rtol, atol=1e-3 * size)


def _fail(name: str, error: Exception) -> None:
    raise error
