"""Compositions rolled part by part, where only a segment of their outputs may exist."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Dropout, Elman, Highway, Readout, Residual, Stack
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

T, B, N = 7, 3, 4
XS = random_like(0, jnp.zeros((T, B, N)))
KEY = jax.random.key(0)
CELLS = {
    "tagger": Readout(Stack((LSTM(5), GRU(3))), 2),
    "dropped": Stack((Dropout(GRU(3), 0.4), Residual(Readout(Elman(3), 3)))),
    "learned": recur.LearnedCarry(Highway(Elman(N))),
}
FLAGS = {
    "none": {},
    "ragged": {"seq_lengths": jnp.array([T, 0, 2])},
    "reverse": {
        "reverse": True,
        "mask": jnp.arange(T * B).reshape(T, B) % 5 > 0,
        "reset": jnp.arange(T * B).reshape(T, B) % 4 == 0,
    },
}


def drawn(cell):
    return recur.draw_masks(cell, KEY, cell.init(KEY, N), XS)


def loss(roll, cell, params, xs):
    last, ys = roll(cell, params, None, xs)
    return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves((last, ys)))


@pytest.mark.quick(2)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("name", CELLS)
def test_they_equal_the_loop(name, flags):
    cell, options = CELLS[name], FLAGS[flags]
    ways = {
        partial(recur.unroll, remat=3, **options): jax.jit,
        partial(recur.static_unroll, **options): interpreted,
    }
    found, expected = (
        compute(jax.value_and_grad(partial(loss, way, cell), (0, 1), allow_int=True))(
            drawn(cell), XS
        )
        for way, compute in ways.items()
    )
    assert_close(*map(real, (found, expected)))


def real(tree):
    return [a for a in jax.tree.leaves(tree) if a.dtype != jax.dtypes.float0]


class Logarithm(recur.compose.wrapper.Wrapper):
    """Singular at zero, which no output of the cell inside is."""

    def act(self, params, x, y):
        return jnp.log(y + x.sum(-1, keepdims=True))


def positive(params, carry, x):
    h = jnp.exp(0.1 * carry @ params) + 0 * x
    return h, h


class Positive:
    output_size = N
    init = staticmethod(lambda key, input_size: jnp.eye(N))
    init_carry = staticmethod(lambda shape=(), *, params=None: jnp.zeros((*shape, N)))
    step = staticmethod(positive)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_acts_may_be_singular_where_no_step_is_valid(reverse):
    cell, lengths = Logarithm(Positive()), np.array([2, 0, T])
    xs = jnp.abs(XS) + 1
    padded = jnp.where(np.arange(T)[:, None, None] < lengths[:, None], xs, jnp.nan)

    def ours(params, xs):
        options = {"seq_lengths": lengths, "remat": 2, "reverse": reverse}
        return jnp.sum(jnp.sin(recur.unroll(cell, params, None, xs, **options)[1]))

    def by_row(params, xs):
        start, total = jnp.zeros(N), 0.0
        for row, length in enumerate(lengths):
            walk = cell, params, start, xs[:length, row]
            _, ys = recur.static_unroll(*walk, reverse=reverse)
            total += jnp.sum(jnp.sin(ys))
        return total

    assert_close(
        jax.jit(jax.value_and_grad(ours, (0, 1)))(jnp.eye(N), padded),
        interpreted(jax.value_and_grad(by_row, (0, 1)))(jnp.eye(N), xs),
    )


def forms(cell, **options):
    explained = recur.explain(cell, drawn(cell), None, XS, remat=3, **options)
    return [(note.step, note.form) for note in explained.rolls]


def test_parts_keep_their_own_way_to_roll():
    assert forms(CELLS["tagger"]) == [
        ("LSTM", "its LSTMRule"),
        ("GRU", "its ResetAfterRule"),
    ]
    assert forms(CELLS["dropped"])[1] == ("Elman", "its ElmanRule")
    assert forms(CELLS["tagger"], implementation="chunked") == [
        ("Readout", "a rule traced from its equations")
    ]


class Doubled(Residual):
    def step(self, params, carry, x):
        carry, y = self.cell.step(params, carry, x)
        return carry, 2 * y


def test_a_step_that_a_subclass_has_of_its_own_is_taken_whole():
    cell = Doubled(GRU(N))
    assert forms(cell)[0][0] == "Doubled"
    params = cell.init(KEY, N)
    rolls = recur.unroll, recur.static_unroll
    assert_close(*(roll(cell, params, None, XS) for roll in rolls))


def test_a_loss_is_taken_of_a_segment_of_outputs():
    cell = CELLS["tagger"]
    params, targets = cell.init(KEY, N), jnp.ones((T, B, 2))
    error = lambda y, target: jnp.sum((y - target) ** 2, -1)

    def total(params, remat):
        args = cell, error, params, cell.init_carry((B,)), XS, targets
        return jnp.sum(recur.unroll_loss(*args, remat=remat)[1])

    def outside(params):
        ys = recur.static_unroll(cell, params, None, XS)[1]
        return jnp.sum(error(ys, targets))

    expected = interpreted(jax.value_and_grad(outside))(params)
    for remat in ("sqrt", None, 1):
        slope = jax.value_and_grad(partial(total, remat=remat))
        assert_close(interpreted(slope)(params), expected)


def test_a_loss_for_all_rows_is_refused():
    cell = CELLS["tagger"]
    args = cell.init(KEY, N), cell.init_carry((B,)), XS, jnp.ones((T, B, 2))
    with pytest.raises(ValueError, match=r"y of the step is float32\[\]; expected the"):
        recur.unroll_loss(cell, lambda y, t: jnp.sum(y - t), *args, seq_lengths=[1] * B)
