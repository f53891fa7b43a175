"""Which way a roll is taken: wrappers keep the rule of the cell inside."""

import jax
import jax.numpy as jnp
import pytest

import recur
from recur import GRU, LSTM, Elman, Readout, Residual, Stack
from tests.support.draw import assert_close, random_like

XS = random_like(0, jnp.zeros((9, 2, 4)))
KEY = jax.random.key(0)


def explained(cell, drawn=False, **options):
    params = cell.init(KEY, 4)
    params = recur.draw_masks(cell, KEY, params, XS) if drawn else params
    return recur.explain(cell, params, None, XS, **options)


OWN = {
    "readout": (Readout(Stack((LSTM(3), LSTM(3))), 2), ["its LSTMRule"] * 2),
    "dropout": (recur.Dropout(LSTM(3), 0.5), ["its LSTMRule"]),
    "residual": (Residual(GRU(4)), ["its ResetAfterRule"]),
    "learned": (recur.LearnedCarry(recur.Highway(Elman(4))), ["its ElmanRule"]),
    "both ways": (recur.Bidirectional(Elman(3)), ["its ElmanRule"] * 2),
}
TRACED = {
    "zoneout": recur.Zoneout(GRU(8), 0.1),
    "variational": recur.VariationalDropout(GRU(8), 0.1, 0.2),
    "recurrent": recur.RecurrentDropout(LSTM(8), 0.2),
}


@pytest.mark.parametrize("name", OWN)
def test_wrappers_keep_the_rule_of_the_cell_inside(name):
    cell, forms = OWN[name]
    rolls = explained(cell, drawn=True).rolls
    assert [n.form for n in rolls] == forms
    assert {(n.roller, n.reason) for n in rolls} == {("chunked", "")}


@pytest.mark.parametrize("name", TRACED)
def test_what_changes_the_recurrence_is_traced(name):
    (roll,) = explained(TRACED[name], drawn=True).rolls
    assert (roll.roller, roll.form) == ("chunked", "a rule traced from its equations")


def test_carries_are_emitted_by_the_rule_of_the_cell():
    cell = LSTM(3)
    params = cell.init(KEY, 4)
    emitting = recur.emit_carry(cell)
    assert recur.explain(emitting, params, cell.init_carry((2,)), XS).rolls == (
        ("EmitCarry(LSTM)", "chunked", "its LSTMRule", ""),
    )

    def loss(roll, params):
        _, (ys, carries) = roll(emitting, params, cell.init_carry((2,)), XS)
        return jnp.sum(jnp.sin(ys)) + sum(jnp.sum(a**2) for a in carries)

    found, expected = (
        jax.value_and_grad(lambda p, roll=roll: loss(roll, p))(params)
        for roll in (recur.unroll, recur.static_unroll)
    )
    assert_close(found, expected)


def test_reasons_are_given():
    bend = lambda params, carry, x: (jnp.tanh(carry) + x, carry)
    (roll,) = recur.explain(bend, None, jnp.zeros((2, 4)), XS).rolls
    assert roll.roller == "scan"
    assert roll.reason == (
        "not chunked: it has no product of its carry with a weight; carry: `tanh` is "
        "not affine in the carry"
    )
    (roll,) = explained(LSTM(3), implementation="scan").rolls
    assert (roll.form, roll.reason) == ("the step as it is", "asked for")
    assert "LSTM: scan, the step as it is (asked for)\nkept for the gradient" in str(
        explained(LSTM(3), implementation="scan")
    )


def test_remat_keeps_less():
    long = random_like(0, jnp.zeros((256, 2, 4)))
    cell = LSTM(8)
    params = cell.init(KEY, 4)
    full, sqrt = (
        recur.explain(cell, params, None, long, remat=remat).residual_bytes
        for remat in (None, "sqrt")
    )
    inputs = long.nbytes + sum(a.nbytes for a in jax.tree.leaves(params))
    assert inputs < sqrt < full / 2
