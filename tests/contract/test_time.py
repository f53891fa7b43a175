"""Laws 4 to 7 in all combinations, drawn by hypothesis, against a plain loop."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import recur
from tests.cases import CASES
from tests.contract import oracle
from tests.contract.data import assert_close, draw, random_like, weigh

STEPS, ROWS = 5, 3
# Which arguments are given, and the static ones: each is one compiled roll.
PLANS = [
    {"flags": flags, "reverse": reverse, "time_major": time_major, "memory": memory}
    for flags, reverse, time_major, memory in product(
        [
            ("seq_lengths",),
            ("mask",),
            ("reset",),
            ("seq_lengths", "mask", "reset", "reset_carry"),
            ("mask", "reset"),
            ("seq_lengths", "reset", "reset_carry"),
        ],
        [False, True],
        [True, False],
        ["full", "sqrt", 3],
    )
]


@cache
def compiled(case, plan_index):
    """Values and gradients of one plan; the values of its flags are arguments."""
    plan = PLANS[plan_index]
    static = {name: plan[name] for name in ("reverse", "time_major", "memory")}
    swap = lambda a: a if plan["time_major"] else jnp.swapaxes(a, 0, 1)

    def run(params, carry, anew, xs, seq_lengths, mask, reset):
        every = {"seq_lengths": seq_lengths, "mask": swap(mask), "reset": swap(reset)}
        every["reset_carry"] = anew
        chosen = {name: every[name] for name in plan["flags"]}
        last, ys = recur.unroll(case.cell, params, carry, swap(xs), **chosen, **static)
        return last, swap(ys)

    def loss(*args):
        values = run(*args)
        return weigh(values), values

    return jax.jit(jax.grad(loss, (0, 1, 2, 3), has_aux=True))


def check(case, plan_index, lengths, mask, reset, junk):
    """One case: planted junk where steps are invalid, values and gradients equal."""
    plan, (cell, params, carry, xs) = (
        PLANS[plan_index],
        draw(case, batch_shape=(ROWS,), steps=STEPS),
    )
    flags = plan["flags"]
    valid = np.ones((STEPS, ROWS), bool)
    if "seq_lengths" in flags:
        valid &= np.arange(STEPS)[:, None] < lengths
    if "mask" in flags:
        valid &= mask
    anew = random_like(7, carry)
    start = anew if "reset_carry" in flags else jax.tree.map(jnp.zeros_like, carry)
    seen = reset & ("reset" in flags)
    expected = oracle.roll(
        cell.step,
        params,
        carry,
        np.asarray(xs),
        valid=valid,
        reset=seen,
        anew=start,
        reverse=plan["reverse"],
    )
    spoiled = jnp.where(valid[..., None], xs, junk)
    grads, values = compiled(case, plan_index)(
        params, carry, anew, spoiled, lengths, mask, reset
    )
    (e_values, (d_params, d_carry, d_anew, d_xs)) = expected
    if "reset_carry" not in flags:
        d_anew = jax.tree.map(np.zeros_like, d_anew)
    assert_close(values, e_values)
    assert_close(grads, (d_params, d_carry, d_anew, d_xs))
    assert not np.asarray(grads[3])[~valid].any()
    assert not np.asarray(values[1])[~valid].any()


FLAGS = {
    "lengths": arrays(np.int32, ROWS, elements=st.integers(0, STEPS)),
    "mask": arrays(bool, (STEPS, ROWS)),
    "reset": arrays(bool, (STEPS, ROWS)),
    "junk": st.sampled_from([np.nan, np.inf, -np.inf, 1e30]),
}
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=30, **QUIET)
@given(data=st.data(), **FLAGS)
def check_few(case, data, **flags):
    """The plans of one cell, a few of them, in many cases."""
    start = CASES.index(case) * 5
    few = [(start + 13 * n) % len(PLANS) for n in range(4)]
    check(case, data.draw(st.sampled_from(few)), **flags)


def test_every_cell(case):
    check_few(case)


@pytest.mark.once
@pytest.mark.parametrize("third", range(3))
def test_every_plan(third):
    simple = next(case for case in CASES if case.name == "user-cell")

    @settings(max_examples=80, **QUIET)
    @given(plan=st.sampled_from(range(third, len(PLANS), 3)), **FLAGS)
    def every_plan(plan, **flags):
        check(simple, plan, **flags)

    every_plan()
