"""A roll of one row is that row of a roll of many, in whatever axes it lies."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.cases import CASES
from tests.support.draw import assert_close, draw, random_like

B, T, H = 3, 6, 5
OWN = ("lstm", "gru", "gru-reset-before", "elman-tanh")
ROWS = {case.name: case for case in CASES if case.name in OWN}
FLAGS = {
    "plain": {},
    "flags": {
        "seq_lengths": jnp.array([6, 4, 0]),
        "reset": jnp.zeros((T, B), bool).at[2, 0].set(True).at[1, 1].set(True),
    },
}


def one_of(tree, row, axis, rows):
    """A row alone, with axes ``rows`` of size 1 in the place of its axis."""

    def take(a):
        shape = a.shape[:axis] + rows + a.shape[axis + 1 :]
        return jnp.take(a, row, axis).reshape(shape)

    return jax.tree.map(take, tree)


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [(1,), (1, 1)], ids=str)
def test_one_row(name, flags, reverse, rows):
    cell, params, carry, xs = draw(ROWS[name], batch_shape=(B,), steps=T)
    flags = FLAGS[flags]
    last, ys = recur.unroll(
        cell, params, carry, xs, **flags, reverse=reverse, implementation="scan"
    )
    for row in range(B):
        alone = {name: one_of(a, row, a.ndim - 1, rows) for name, a in flags.items()}
        got = recur.unroll(
            *(cell, params, one_of(carry, row, 0, rows), one_of(xs, row, 1, rows)),
            **(alone | {"reverse": reverse}),
        )
        assert_close(got, (one_of(last, row, 0, rows), one_of(ys, row, 1, rows)))


@pytest.mark.slow
def test_its_tangents_and_gradients():
    cell, params, carry, xs = draw(ROWS["lstm"], batch_shape=(1,), steps=T)
    weights = random_like(4, jnp.zeros((T, 1, H)))

    def roll(xs, implementation="auto"):
        return recur.unroll(cell, params, carry, xs, implementation=implementation)[1]

    both = [
        (*jax.jvp(f, (xs,), (xs,)), jax.vjp(f, xs)[1](weights))
        for f in (roll, lambda xs: roll(xs, "scan"))
    ]
    assert_close(*both)


def test_rows_under_vmap():
    cell, params, carry, xs = draw(ROWS["gru"], batch_shape=(B, 1), steps=T)
    alone = jax.vmap(lambda *args: recur.unroll(cell, params, *args), (0, 1), (0, 1))
    whole = recur.unroll(cell, params, carry[:, 0], xs[:, :, 0])
    last, ys = alone(carry, xs)
    assert_close((last[:, 0], ys[:, :, 0]), whole)


def test_no_row_at_all():
    cell, *args = draw(ROWS["gru"], batch_shape=(0,), steps=T)
    carry, ys = recur.unroll(cell, *args)
    assert carry.shape == (0, H)
    assert ys.shape == (T, 0, H)
