"""Ways to roll are an open table: a third one, and what cannot take a step says so."""

import jax
import jax.numpy as jnp
import pytest

import recur
from recur._roll import dispatch
from recur._roll.dispatch import check_implementation, register_roller
from recur._roll.masking import apply_masks
from recur._roll.roller import Ready
from tests.support.draw import assert_close, random_like

CELL, LONG, SHORT = recur.GRU(3), 9, 4
XS = random_like(0, jnp.zeros((LONG, 2, 4)))
PARAMS = CELL.init(jax.random.key(0), 4)


def written_out(roll, *, where_it_pays):
    """A roll of few steps without a loop."""
    if roll.plan.length > SHORT:
        return f"it has {roll.plan.length} steps, more than {SHORT}"

    def segment(carry, inputs, *, length):
        ys, order = [None] * length, range(length)
        for t in reversed(order) if roll.plan.reverse else order:
            x, flags = jax.tree.map(lambda a, t=t: a[t], inputs)
            masked = apply_masks(flags, roll.starts, reverse=roll.plan.reverse)
            step = lambda start, x=x: roll.whole(roll.params, start, x)
            carry, ys[t] = masked(step, carry)
        return carry, jax.tree.map(lambda *a: jnp.stack(a), *ys)

    return Ready("written out", segment)


@pytest.fixture(autouse=True)
def own_table(monkeypatch):
    monkeypatch.setattr(dispatch, "ROLLERS", dict(dispatch.ROLLERS))
    monkeypatch.setattr(dispatch, "AUTO", list(dispatch.AUTO))


OPTIONS = {
    "plain": {},
    "ragged and reset": {
        "seq_lengths": jnp.array([4, 2]),
        "reset": jnp.arange(2 * SHORT).reshape(SHORT, 2) % 3 == 0,
    },
    "reverse": {"reverse": True, "mask": jnp.arange(8).reshape(SHORT, 2) % 3 > 0},
    "remat": {"remat": 3},
    "rows first": {"time_major": False},
}


@pytest.mark.quick(2)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_third_roller_is_obeyed_under_all_flags(option):
    register_roller("written out", written_out)
    options = OPTIONS[option]
    xs = XS[:SHORT]
    xs = xs if options.get("time_major", True) else jnp.swapaxes(xs, 0, 1)

    def loss(params, implementation):
        _, ys = recur.unroll(
            CELL, params, None, xs, implementation=implementation, **options
        )
        return jnp.sum(jnp.sin(ys))

    found, expected = (
        jax.value_and_grad(loss)(PARAMS, way) for way in ("written out", "scan")
    )
    assert_close(found, expected)


def test_auto_asks_it_where_it_says_so():
    register_roller("written out", written_out, before="chunked")
    long, short = (
        recur.explain(CELL, PARAMS, None, xs).rolls for xs in (XS, XS[:SHORT])
    )
    assert short == (("GRU", "written out", "written out", ""),)
    why = "not written out: it has 9 steps, more than 4"
    assert long == (("GRU", "chunked", "its ResetAfterRule", why),)


def test_one_that_cannot_take_the_step_says_why():
    register_roller("written out", written_out)
    with pytest.raises(
        ValueError, match="'written out' and cannot take this step"
    ) as e:
        recur.unroll(CELL, PARAMS, None, XS, implementation="written out")
    assert "(not written out: it has 9 steps, more than 4)" in str(e.value)
    bend = lambda params, carry, x: (jnp.tanh(carry) + x, carry)
    with pytest.raises(ValueError, match="not chunked: it has no product of"):
        recur.unroll(bend, None, jnp.zeros((2, 4)), XS, implementation="chunked")


def test_a_cell_has_no_parts():
    with pytest.raises(ValueError, match="not composed: it has no parts"):
        recur.unroll(CELL, PARAMS, None, XS, implementation="composed")


def test_of_several_the_first_that_can_is_taken():
    register_roller("written out", written_out)
    names = "written out", "scan"
    (roll,) = recur.explain(CELL, PARAMS, None, XS, implementation=names).rolls
    assert roll.roller == "scan"
    assert roll.reason == "not written out: it has 9 steps, more than 4"


@pytest.mark.parametrize("name", ["auto", "scan"])
def test_a_name_is_given_once(name):
    with pytest.raises(ValueError, match="exists; expected a new name"):
        register_roller(name, written_out)


@pytest.mark.parametrize("wrong", ["fast", (), ("auto", "scan"), ("scan", 1), None, 3])
def test_unknown_names_are_refused(wrong):
    check_implementation("doc", ("chunked", "scan"))
    with pytest.raises(ValueError, match="expected one of 'auto', 'composed', 'chu"):
        recur.unroll(CELL, PARAMS, None, XS, implementation=wrong)
