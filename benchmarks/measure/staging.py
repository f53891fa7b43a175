"""From a Python function to an executable, each stage timed apart."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import jax

from benchmarks.measure.hlo import loop_ops
from benchmarks.measure.program import CompiledFacts


def stage(
    function: Callable[..., Any], *args: Any
) -> tuple[Callable[..., Any], dict[str, float], CompiledFacts]:
    """Traces, lowers, compiles and first calls a function.

    Caches are emptied before, so that no program is spared what the one before it
    has paid for, nor pays for its garbage.

    Args:
      function: A pure function of arrays.
      *args: What it is called with.

    Returns:
      ``(executable, stages, facts)``; the executable takes the same arguments.
    """
    jax.clear_caches()
    stages: dict[str, float] = {}
    with _collector_held():
        traced = _timed(stages, "trace", lambda: jax.jit(function).trace(*args))
        lowered = _timed(stages, "lower", traced.lower)
        compiled = _timed(stages, "compile", lowered.compile)
        _timed(stages, "first", lambda: jax.block_until_ready(compiled(*args)))
    return compiled, stages, _facts(compiled)


@contextmanager
def _collector_held() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _timed(stages: dict[str, float], name: str, run: Callable[[], Any]) -> Any:
    start = perf_counter()
    result = run()
    stages[name] = perf_counter() - start
    return result


def _facts(compiled: Any) -> CompiledFacts:
    # A backend may decline to analyse its memory, and then says None.
    memory = compiled.memory_analysis()
    temporaries = memory.temp_size_in_bytes if memory is not None else 0
    return CompiledFacts(temporaries, loop_ops(compiled.as_text() or ""))
