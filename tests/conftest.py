"""Strict numerics for every test: ranks and dtypes are promoted by nobody but us."""

import gc
from collections import Counter

import jax
import pytest
from hypothesis import HealthCheck, settings

from tests.support.compile import (
    as_users_compile,
    as_users_fuse,
    optimise_little,
    quick_processes,
    share_programs,
)

__all__ = ["as_users_compile", "as_users_fuse", "quick_processes", "x64"]

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("same", max_examples=20, derandomize=True, **QUIET)
settings.register_profile("long", max_examples=400, **QUIET)


def pytest_addoption(parser):
    """Adds the option for more examples."""
    parser.addoption(
        "--long",
        action="store_true",
        help="draw 20 times as many examples, other ones each time; by default they "
        "are few and always the same",
    )
    parser.addoption(
        "--random-steps",
        type=int,
        default=30,
        help="how many steps composed at random are compared with a plain loop",
    )
    parser.addoption(
        "--one-in",
        type=int,
        default=1,
        metavar="N",
        help="run one in N rows of each test, each test other ones, so that all laws "
        "and all cells have their turn (%(default)s)",
    )


def pytest_configure(config):
    """Chooses the examples of hypothesis; compiles quickly, and nothing twice."""
    settings.load_profile("long" if config.getoption("--long") else "same")
    optimise_little()
    share_programs(config)


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_collection_modifyitems(config, items):
    """Marks what is slow, lets pytest choose, and takes some rows of what is left."""
    mark_slow_rows(items)
    yield
    chosen = one_in(config.getoption("--one-in"), items)
    left_out = set(items).difference(chosen)
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = chosen


def mark_slow_rows(items):
    """Of a test marked ``quick(n)``, marks all rows but the first n as slow."""
    seen = Counter()
    for item in items:
        mark = item.get_closest_marker("quick")
        if mark is not None:
            test = item.path, item.originalname
            seen[test] += 1
            if seen[test] > mark.args[0]:
                item.add_marker("slow")


def one_in(n, items):
    """Takes one in n rows of each test, and of fewer rows the first.

    Each test begins at another row: as in a Latin square, all cells meet some laws.
    """
    tests = {}
    for item in items:
        tests.setdefault((item.path, item.originalname), []).append(item)
    kept = (rows[k % min(n, len(rows)) :: n] for k, rows in enumerate(tests.values()))
    return [item for rows in kept for item in rows]


def pytest_collection_finish(session):
    """Looks for garbage seldom: tracing leaves much, and what was imported stays."""
    gc.freeze()
    gc.set_threshold(10**5, 50, 100)


@pytest.fixture
def x64():
    """Switches float64 on for one test."""
    with jax.enable_x64(True):
        yield
