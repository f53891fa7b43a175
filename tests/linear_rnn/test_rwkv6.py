"""RWKV-6, and memories that are read before they are written to."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import linear_rnn
from recur._roll.linear.rank_one import take_step
from recur.linear_rnn import MemoryCell, RankOne
from recur.linear_rnn.matrix import merge_heads
from tests.linear_rnn.drawn import KEY, SIZE, T, drawn, outputs, rolled
from tests.selective_linear_cases import ROWS
from tests.support.draw import assert_close
from tests.support.interpreter import interpreted

pytestmark = pytest.mark.usefixtures("x64")

CELL, _ = ROWS["rwkv6"]


class Weights(NamedTuple):
    w_ih: jax.Array


class Carry(NamedTuple):
    s: jax.Array


class Before(MemoryCell):
    """One whose queries see what was, and nothing of this step."""

    params_type = Weights
    carry_type = Carry
    shapes: ClassVar = {"w_ih": "I 4H"}

    def carry_axes(self):
        return Carry("N K V")

    def front(self, params, carry, x):
        q, k, v, a = self.in_heads(self.product(x, params.w_ih), 4)
        return carry, RankOne(-jnp.exp(a), k, v, q, bonus=jnp.zeros_like(k))

    def read(self, params, found, x):
        return merge_heads(found)


def test_it_finds_what_was_there_before():
    cell = Before(4, heads=2, dtype="float64")
    params, carry, xs = drawn(cell)
    _, done = cell.front(params, (), xs)
    s, expected = carry.s, []
    for t in range(T):
        expected.append(merge_heads(jnp.einsum("bnk,bnkv->bnv", done.query[t], s)))
        s = jnp.exp(done.log_decay[t])[..., None] * s
        s += done.key[t][..., None] * done.value[t][..., None, :]
    expected = Carry(s), jnp.stack(expected)
    assert_close(recur.unroll(cell, params, carry, xs), expected)
    assert_close(rolled(cell, params, carry, xs), expected)


def test_a_decay_to_nothing_is_no_division_by_it():
    """In float32, where ``exp(-200)`` is zero."""
    cell = Before(2)
    params = Weights(
        jnp.repeat(jnp.array([1.0, 1, 1, np.log(200)], "float32"), 2)[None]
    )
    loss = lambda p: jnp.sum(
        recur.unroll(cell, p, None, jnp.ones((T, 1), "float32"))[1]
    )
    value, slope = jax.value_and_grad(loss)(params)
    # A step finds what the one before wrote, and no more.
    assert float(value) == 4 * (T - 1)
    assert jnp.isfinite(slope.w_ih).all()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_all_is_forgotten_it_is_finite_and_the_plain_scan(dtype):
    params, carry, xs = drawn(CELL)
    high = jnp.array([1e3, 89.0, 5.0, 4.0, -89.0, -1e3])
    args = params._replace(b_decay=high), carry, xs
    params, carry, xs = jax.tree.map(lambda a: a.astype(dtype), args)

    def slopes(way):
        roll = lambda p: recur.unroll(CELL, p, carry, xs, implementation=way)
        loss = lambda p: sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(roll(p)))
        return interpreted(jax.value_and_grad(loss))(params)

    found = slopes(("composed", "chunked"))
    assert all(np.isfinite(a).all() for a in jax.tree.leaves(found))
    if dtype == "float64":
        assert_close(found, slopes("scan"))


def test_with_a_bonus_of_one_and_no_decay_it_finds_what_it_wrote_too():
    params, carry, xs = drawn(CELL)
    params = params._replace(
        bonus=jnp.ones_like(params.bonus),
        decay_in=0 * params.decay_in,
        b_decay=jnp.full_like(params.b_decay, -900.0),
    )
    _, done = CELL.front(params, (carry.past,), xs[0])
    new, found = take_step(done, carry.s)
    assert_close(found, jnp.einsum("bnk,bnkv->bnv", done.query, new))


def test_mixes_that_do_not_depend_on_the_input_are_a_token_shift():
    params, carry, xs = drawn(CELL)
    params = params._replace(mix_in=0 * params.mix_in)
    only = params._replace(mix=jnp.zeros_like(params.mix))
    # All of this input and none of the one before.
    moved = carry._replace(past=carry.past + 1)
    assert_close(outputs(CELL, only, moved, xs), outputs(CELL, only, carry, xs))
    blind = params._replace(mix=jnp.ones_like(params.mix))
    before = jnp.concatenate([carry.past[None], xs[:-1]])
    expected = outputs(CELL, only, carry, before)
    assert_close(outputs(CELL, blind, carry, xs), expected)


def test_it_starts_as_its_program():
    params = linear_rnn.RWKV6(6, heads=2).init(KEY, SIZE)
    assert_close(params.mix[: 2 * SIZE], jnp.array([1, 2 / 3, 1 / 3] * 2, "float32"))
    assert_close(params.b_decay[jnp.array([0, 5])], jnp.array([-6.0, -1], "float32"))
    assert_close(params.bonus, jnp.array([0, 0.1, -0.1] * 2, "float32"))
    assert not params.mix_in.any()
    assert not params.decay_in.any()
    for small in (params.mix_out, params.decay_out):
        assert 0.005 < abs(small).max() <= 0.01
    assert params.mix_out.shape == (5 * 32, SIZE)


BAD = {
    "RWKV6: mix_rank is 0": lambda: recur.RWKV6(4, mix_rank=0),
    "RWKV6: decay_rank is float 1.5": lambda: recur.RWKV6(4, decay_rank=1.5),
    "RWKV6: hidden_size is 6 and heads 4": lambda: recur.RWKV6(6, heads=4),
    "RWKV6.init_carry: params is None": lambda: recur.RWKV6(4).init_carry((2,)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_options_are_refused_by_name(message):
    with pytest.raises((TypeError, ValueError)) as error:
        BAD[message]()
    assert message in str(error.value)
