"""What users run: compiled in full, in float32, and traced once.

That jaxprs mean the same to XLA as to NumPy is seen here on every row.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.contract.test_reference import (
    GRADIENTS,
    VALUES,
    assert_relative,
    complex_step,
    in_numpy,
    weigh,
)
from tests.support import oracle
from tests.support.draw import assert_close, draw, with_gradients

DRAWN = {"dtype": jnp.float32, "batch_shape": (2,)}


@cache
def compiled(case, implementation):
    """Values, gradients, and how often Python ran for two calls with equal cells."""
    _, *args = draw(case, **DRAWN)
    traces = []

    def run(cell, *args):
        def roll(*args):
            traces.append(implementation)
            return recur.unroll(cell, *args, implementation=implementation)

        return with_gradients(roll)(*args)

    run = jax.jit(run, static_argnums=0)
    for _ in range(2):
        result = run(case.with_dtype(jnp.float32).cell, *args)
    return result, len(traces)


@pytest.fixture
def result(case):
    return compiled(case, recur.unroll.__kwdefaults__["implementation"])


@pytest.mark.quick(3)
def test_law_2_unroll_equals_the_loop(case, result):
    assert_close(result[0], oracle.of_row(case, **DRAWN))


def test_law_9_gradients_of_the_paper(case, result):
    if case.reference is None:
        pytest.skip(f"{case.name} is made of cells that have equations of their own")
    args = tuple(in_numpy(draw(case, **DRAWN)[1:]))
    values, grads = result[0]
    assert_relative(values, case.reference(*args), VALUES)
    exact = complex_step(lambda *a: weigh(case.reference(*a)), args)
    assert_relative(grads, exact, GRADIENTS)


def test_law_10_a_compiled_roll_is_traced_once(result):
    assert result[1] == 1


def test_law_10_a_step_is_traced_once(case):
    """By rolls that are not compiled together, as eager ones are not."""
    cell, *args = draw(case, **DRAWN)
    traces = []

    def counted(*args):
        traces.append("step")
        return cell.step(*args)

    for _ in range(2):
        jax.make_jaxpr(partial(recur.unroll, counted))(*args)
    assert traces == ["step"]
