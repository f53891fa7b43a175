"""A roll of one row is that row of a roll of many, in whatever axes it lies."""

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.contract.data import assert_close, random_like

B, T, N, H = 3, 6, 4, 5
CELLS = {
    "lstm": recur.LSTM(H),
    "gru": recur.GRU(H),
    "gru-before": recur.GRU(H, reset_after=False),
    "elman": recur.Elman(H),
}
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


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [(1,), (1, 1)], ids=str)
def test_one_row(name, flags, reverse, rows):
    cell, flags = CELLS[name], FLAGS[flags]
    params = random_like(3, cell.init(jax.random.key(0), N))
    carry, xs = (
        random_like(1, cell.init_carry((B,))),
        random_like(2, jnp.zeros((T, B, N))),
    )
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


def test_its_tangents_and_gradients():
    cell = recur.LSTM(H)
    params = random_like(3, cell.init(jax.random.key(0), N))
    carry, xs = (
        random_like(1, cell.init_carry((1,))),
        random_like(2, jnp.zeros((T, 1, N))),
    )

    weights = random_like(4, jnp.zeros((T, 1, H)))

    def roll(xs, implementation="auto"):
        return recur.unroll(cell, params, carry, xs, implementation=implementation)[1]

    both = [
        (*jax.jvp(f, (xs,), (xs,)), jax.vjp(f, xs)[1](weights))
        for f in (roll, lambda xs: roll(xs, "scan"))
    ]
    assert_close(*both)


def test_rows_under_vmap():
    cell = recur.GRU(H)
    params = random_like(3, cell.init(jax.random.key(0), N))
    carry, xs = (
        random_like(1, cell.init_carry((B, 1))),
        random_like(2, jnp.zeros((B, T, 1, N))),
    )
    got = jax.vmap(lambda carry, xs: recur.unroll(cell, params, carry, xs))(carry, xs)
    whole = recur.unroll(cell, params, carry[:, 0], jnp.swapaxes(xs[:, :, 0], 0, 1))
    assert_close(got[0][:, 0], whole[0])
    assert_close(got[1][:, :, 0], jnp.swapaxes(whole[1], 0, 1))


def test_no_row_at_all():
    cell = recur.GRU(H)
    params = cell.init(jax.random.key(0), N)
    carry, ys = recur.unroll(cell, params, cell.init_carry((0,)), jnp.zeros((T, 0, N)))
    assert carry.shape == (0, H)
    assert ys.shape == (T, 0, H)
