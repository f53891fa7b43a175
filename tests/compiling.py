"""How tests that compile much and compute little are compiled."""

from functools import wraps

import jax
import pytest
from jax._src import compiler

# Older code generators of XLA's, which take half the time, in one thread.
OLDER = [
    ("xla_cpu_use_fusion_emitters", False),
    ("xla_cpu_parallel_codegen_split_count", 1),
]
get_compile_options = compiler.get_compile_options


@wraps(get_compile_options)
def quick_compile_options(*args, **kwargs):
    """Adds options that jax has no setting for."""
    options = get_compile_options(*args, **kwargs)
    options.env_option_overrides = [*options.env_option_overrides, *OLDER]
    return options


def optimise_little(little):
    """Compiles what is compiled from now on in a fifth of the time, or as ever."""
    jax.config.update("jax_disable_most_optimizations", little)
    chosen = quick_compile_options if little else get_compile_options
    compiler.get_compile_options = chosen


@pytest.fixture(autouse=True)
def little_optimisation(request):
    """Compiles every test with little optimisation.

    What is compared is the same either way. Tests that measure what the compiler does
    ask for ``as_users_compile``.
    """
    optimise_little("as_users_compile" not in request.fixturenames)
    yield
    optimise_little(False)


@pytest.fixture
def as_users_compile():
    """Leaves one test all optimisation."""


__all__ = ["as_users_compile", "little_optimisation"]
