"""Laws 4 to 7 in all combinations, drawn by hypothesis, against a plain loop."""

from functools import cache, partial
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import recur
from tests.cases import CASES
from tests.support import oracle
from tests.support.draw import assert_close, draw, random_like, weigh
from tests.support.interpreter import traced

pytestmark = [pytest.mark.of_rolls, pytest.mark.usefixtures("x64")]

STEPS, ROWS = 4, 3


class Plan(NamedTuple):
    """Which arguments are given, and the static ones: each is one traced roll."""

    flags: tuple[str, ...]
    reverse: bool
    time_major: bool
    remat: str | int | None
    carried: bool  # Whether a carry is given, or the cell's own is meant.


FLAGS = (
    ("seq_lengths",),
    ("mask",),
    ("reset",),
    ("mask", "reset"),
    ("seq_lengths", "reset", "reset_carry"),
    ("seq_lengths", "mask", "reset", "reset_carry"),
)
SWITCH, REMAT = (False, True), (None, "sqrt", 3)
PLANS = [Plan(*plan) for plan in product(FLAGS, SWITCH, SWITCH, REMAT, SWITCH)]


def plans_of(case):
    """All arguments at once, each switch both ways; segments from the cell's carry."""
    n = CASES.index(case)
    for m, flags in enumerate((FLAGS[5], FLAGS[3])):
        switches = (n + m) % 2 == 0, (n // 2 + m) % 2 == 0
        yield Plan(flags, *switches, REMAT[(n // 4 + m) % 2], carried=m == 0)


@cache
def values_and_gradients(case, plan, implementation):
    """Of one plan; the values of its flags are arguments."""
    cell, *args = draw(case, batch_shape=(ROWS,), steps=STEPS)
    swap = lambda a: a if plan.time_major else jnp.swapaxes(a, 0, 1)
    static = plan._asdict()
    static = {name: static[name] for name in ("reverse", "time_major", "remat")}

    def run(params, carry, anew, xs, seq_lengths, mask, reset):
        every = {"seq_lengths": seq_lengths, "mask": swap(mask), "reset": swap(reset)}
        every["reset_carry"] = anew
        time = {name: every[name] for name in plan.flags} | static
        carry = carry if plan.carried else None
        roll = partial(recur.unroll, cell, implementation=implementation)
        last, ys = roll(params, carry, swap(xs), **time)
        return last, swap(ys)

    def loss(*args):
        values = run(*args)
        return weigh(values), values

    flags = np.zeros(ROWS, np.int32), *np.zeros((2, STEPS, ROWS), bool)
    params, carry, xs = args
    run_all = jax.grad(loss, (0, 1, 2, 3), has_aux=True)
    return traced(run_all, params, carry, carry, xs, *flags)


@cache
def own_carry(case):
    """What a cell starts from, and how gradients reach params through it."""
    cell, params, _, _ = draw(case)
    make = lambda params: cell.init_carry((ROWS,), params=params)
    back = lambda params, ct: jax.vjp(make, params)[1](ct)[0]
    carry = traced(make, params)(params)
    return carry, partial(traced(back, params, carry), params)


def expected(case, plan, anew, lengths, mask, reset):
    """Which steps are valid, and values and gradients by the plain loop."""
    cell, params, carry, xs = draw(case, batch_shape=(ROWS,), steps=STEPS)
    valid = np.ones((STEPS, ROWS), bool)
    if "seq_lengths" in plan.flags:
        valid &= np.arange(STEPS)[:, None] < lengths
    if "mask" in plan.flags:
        valid &= mask
    own, back = own_carry(case)
    given = "reset_carry" in plan.flags
    segments = {
        "reset": reset & ("reset" in plan.flags),
        "anew": anew if given else own,
    }
    carry = carry if plan.carried else own
    walk = {"valid": valid, "reverse": plan.reverse, **segments}
    values, grads = oracle.roll(cell.step, params, carry, xs, **walk)
    d_params, d_carry, d_anew, d_xs = grads
    # What reaches the cell's own carry goes on to params.
    if not given:
        d_params, d_anew = through(back, d_params, d_anew)
    if not plan.carried:
        d_params, d_carry = through(back, d_params, d_carry)
    return valid, values, (d_params, d_carry, d_anew, d_xs)


def through(back, d_params, d_carry):
    d_params = jax.tree.map(np.add, d_params, back(d_carry))
    return d_params, jax.tree.map(np.zeros_like, d_carry)


def check(case, plan, lengths, mask, reset, junk):
    """One case: planted junk where steps are invalid, values and gradients equal."""
    _, params, carry, xs = draw(case, batch_shape=(ROWS,), steps=STEPS)
    anew = random_like(7, carry)
    valid, *wanted = expected(case, plan, anew, lengths, mask, reset)
    spoiled = np.where(valid[..., None], xs, junk)
    run = values_and_gradients(
        case, plan, recur.unroll.__kwdefaults__["implementation"]
    )
    grads, values = run(params, carry, anew, spoiled, lengths, mask, reset)
    assert_close((values, grads), tuple(wanted), jnp.float64)
    assert not grads[3][~valid].any()
    assert not values[1][~valid].any()


DRAWN = {
    "lengths": arrays(np.int32, ROWS, elements=st.integers(0, STEPS)),
    "mask": arrays(bool, (STEPS, ROWS)),
    "reset": arrays(bool, (STEPS, ROWS)),
    "junk": st.sampled_from([np.nan, np.inf, -np.inf, 1e30]),
}


@given(data=st.data(), **DRAWN)
def check_few(case, data, **drawn):
    """The plans of one cell in many cases."""
    check(case, data.draw(st.sampled_from(list(plans_of(case)))), **drawn)


@pytest.mark.quick(1)
def test_every_cell(case):
    check_few(case)


@pytest.mark.slow
# A step that is taken apart by its author, and one that is by its jaxpr.
@pytest.mark.parametrize("name", ["lstm", "user-cell"])
@pytest.mark.parametrize("third", range(3))
def test_every_plan(name, third):
    simple = next(case for case in CASES if case.name == name)

    @settings(max_examples=4 * settings.default.max_examples)
    @given(plan=st.sampled_from(PLANS[third::3]), **DRAWN)
    def every_plan(plan, **drawn):
        check(simple, plan, **drawn)

    every_plan()
