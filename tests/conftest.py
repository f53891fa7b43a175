"""Strict numerics for every test: ranks and dtypes are promoted by nobody but us."""

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_addoption(parser):
    """Adds the option for a second interpreter, all rows having run on the first."""
    parser.addoption(
        "--brief",
        action="store_true",
        help="hold a few cells to the contract, one of each kind, instead of all, and "
        "leave out what takes long",
    )


def pytest_runtest_setup(item):
    """Skips what is marked ``once`` where it has run on another Python."""
    if item.get_closest_marker("once") and item.config.getoption("--brief"):
        pytest.skip("--brief: this takes long, and runs on one Python only")


@pytest.fixture
def x64():
    """Switches float64 on for one test."""
    with jax.enable_x64(True):
        yield
