"""Cells with a matrix for a carry, made up on the spot, against the plain scan."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._roll.chunked import tuning
from recur.linear_rnn import MatrixCell, MemoryCell, RankOne
from recur.linear_rnn.matrix import merge_heads
from tests.support.draw import assert_close, random_like

STEPS, ROWS, SIZE = 7, 2, 3


class Weights(NamedTuple):
    w_ih: jax.Array


class Carry(NamedTuple):
    s: jax.Array
    before: jax.Array


class Decaying(MatrixCell):
    """One that forgets as its input says."""

    params_type = Weights
    shapes: ClassVar = {"w_ih": "I 4H"}

    def elements(self, params, x):
        q, k, v, a = self.in_heads(self.product(x, params.w_ih), 4)
        return RankOne(jax.nn.log_sigmoid(a), k, v, q)


class Reversed(Decaying):
    """A subclass with equations of its own."""

    def equations(self, params, carry, x):
        s, y = super().equations(params, carry, x)
        return s, -y


class Looking(MemoryCell):
    """One whose values are those of the step before."""

    params_type = Weights
    carry_type = Carry
    shapes: ClassVar = {"w_ih": "I 3H"}

    def carry_axes(self):
        return Carry("N K V", "N V")

    def front(self, params, carry, x):
        q, k, v = self.in_heads(self.product(x, params.w_ih), 3)
        return (v,), RankOne(0 * k[..., :1] - 0.1, k, carry[0], q, aside=x)

    def read(self, params, found, x):
        found, aside = found
        return merge_heads(found) * aside.sum(-1, keepdims=True)


class LookingAway(Looking):
    """A subclass with equations of its own."""

    def equations(self, params, carry, x):
        carry, y = super().equations(params, carry, x)
        return carry, -y


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", [Decaying, Reversed, Looking, LookingAway])
def test_is_what_the_plain_scan_makes_of_it(kind):
    cell = kind(4, heads=2, dtype="float64")
    params = cell.init(jax.random.key(0), SIZE)
    carry = random_like(1, cell.init_carry((ROWS,), params=params))
    xs = random_like(2, jax.ShapeDtypeStruct((STEPS, ROWS, SIZE), "float64"))
    lengths = jnp.array([STEPS, 4])

    def slopes(way):
        def loss(params, carry):
            options = {"implementation": way, "seq_lengths": lengths}
            out = recur.unroll(cell, params, carry, xs, **options)
            return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(out)), out

        return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(params, carry)

    assert_close(slopes(("composed", "chunked")), slopes("scan"))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rows", [1, 8])
def test_what_is_made_again_is_what_was_made(rows, reverse, monkeypatch):
    monkeypatch.setattr(tuning, "MATRIX_STEPS", 2)
    monkeypatch.setattr(tuning, "SEGMENT_ROWS", rows)
    cell = Looking(6 * rows, heads=2, dtype="float64")  # As no other test has.
    params = cell.init(jax.random.key(0), SIZE)
    carry = random_like(1, cell.init_carry((ROWS,), params=params))
    xs = random_like(2, jax.ShapeDtypeStruct((STEPS, ROWS, SIZE), "float64"))
    flags = {"seq_lengths": jnp.array([STEPS, 5]), "reverse": reverse}
    flags["reset"] = jnp.arange(STEPS * ROWS).reshape(STEPS, ROWS) % 5 == 3

    def slopes(way):
        def loss(params, carry, xs):
            out = recur.unroll(cell, params, carry, xs, implementation=way, **flags)
            return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(out)), out

        found = jax.value_and_grad(loss, (0, 1, 2), has_aux=True)
        return jax.jit(found)(params, carry, xs)

    assert_close(slopes("auto"), slopes("scan"))


@pytest.mark.parametrize("kind", [recur.DeltaNet, recur.linear_rnn.RWKV7])
def test_of_a_long_sequence_little_is_kept(kind):
    """Of which a scan keeps, for each step, a matrix and what is written to it."""
    cell = kind(32, heads=2)
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), 32))
    xs = jax.ShapeDtypeStruct((1024, 4, 32), "float32")
    roll = lambda params, xs: recur.unroll(cell, params, None, xs)[1]
    back = jax.eval_shape(lambda *given: jax.vjp(roll, *given)[1], params, xs)
    kept = sum(leaf.size for leaf in jax.tree.leaves(back))
    assert kept < 4 * xs.size


def test_a_subclass_with_equations_of_its_own_has_no_rule_of_its_parent():
    cell = Reversed(4)
    params = cell.init(jax.random.key(0), SIZE)
    (note,) = recur.explain(cell, params, None, jnp.ones((STEPS, SIZE))).rolls
    assert note.form == "a linear recurrence"


def test_heads_are_merged_in_order():
    a = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(merge_heads(a), a.reshape(2, 6))


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="hidden_size is 5 and heads 2; expected"):
        Decaying(5, heads=2)
