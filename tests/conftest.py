"""Strict numerics for every test: ranks and dtypes are promoted by nobody but us."""

import jax
import pytest
from hypothesis import HealthCheck, settings

from tests.compiling import as_users_compile, little_optimisation

__all__ = ["as_users_compile", "little_optimisation", "x64"]

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("same", max_examples=20, derandomize=True, **QUIET)
settings.register_profile("long", max_examples=400, **QUIET)


def pytest_addoption(parser):
    """Adds the option for a second interpreter, all rows having run on the first."""
    parser.addoption(
        "--brief",
        action="store_true",
        help="hold a few cells to the contract, one of each kind, instead of all, and "
        "leave out what takes long",
    )
    parser.addoption(
        "--long",
        action="store_true",
        help="draw 20 times as many examples, other ones each time; by default they "
        "are few and always the same",
    )


def pytest_configure(config):
    """Chooses the examples that hypothesis draws."""
    settings.load_profile("long" if config.getoption("--long") else "same")


def pytest_runtest_setup(item):
    """Skips what is marked ``once`` where it has run on another Python."""
    if item.get_closest_marker("once") and item.config.getoption("--brief"):
        pytest.skip("--brief: this takes long, and runs on one Python only")


@pytest.fixture
def x64():
    """Switches float64 on for one test."""
    with jax.enable_x64(True):
        yield
