"""How tests that compile much and compute little are compiled."""

import jax
import pytest


@pytest.fixture(autouse=True)
def little_optimisation(request):
    """Compiles with little optimisation, in half the time.

    What is compared is the same either way. Tests that measure what the compiler does
    ask for ``as_users_compile``.
    """
    little = "as_users_compile" not in request.fixturenames
    jax.config.update("jax_disable_most_optimizations", little)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def as_users_compile():
    """Leaves one test all optimisation."""


__all__ = ["as_users_compile", "little_optimisation"]
