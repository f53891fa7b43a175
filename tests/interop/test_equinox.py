"""Equinox cells and ours: the same outputs and gradients, both directions."""

import jax
import jax.numpy as jnp
import pytest

from recur import GRU, LSTM, Elman, LSTMCarry, Stack
from recur.interop.equinox import from_equinox, to_equinox
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_carry,
    random_params,
    roll,
    sequence,
)
from tests.support.draw import quickly

eqx = pytest.importorskip("equinox", reason="equinox is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.quick(1)
@pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_outputs_carries_and_gradients_are_those_of_the_cell(kind, use_bias):
    cell = getattr(eqx.nn, kind)(3, 4, use_bias=use_bias, key=jax.random.key(0))
    xs, carry = sequence(5, 3), random_carry(from_equinox(cell)[0], 1)
    carry = jax.tree.map(lambda a: a[0], carry)

    def theirs(cell, xs):
        def step(carry, x):
            carry = cell(x, carry)
            return carry, carry[0] if kind == "LSTMCell" else carry

        start = tuple(carry) if kind == "LSTMCell" else carry
        last, ys = jax.lax.scan(step, start, xs)
        return loss_of((ys, last)), (ys, last)

    def ours(cell, xs):
        outputs = roll(from_equinox(cell), xs, carry)
        return loss_of(outputs), outputs

    each = [quickly(jax.grad(f, (0, 1), has_aux=True)) for f in (ours, theirs)]
    assert_close(*(f(cell, xs) for f in each))


@pytest.mark.parametrize("cell", [LSTM(4), GRU(3), Stack((LSTM(4), GRU(3)))])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_round_trips_are_exact(cell, dtype):
    params = jax.tree.map(lambda w: w.astype(dtype), random_params(cell, 2))
    found, back = from_equinox(to_equinox(cell, params))
    assert_same(back, params)
    assert found.output_size == cell.output_size
    assert jax.tree.leaves(back)[0].dtype == dtype


def test_the_carry_is_the_pair_of_the_cell():
    cell = LSTM(4)
    params, carry, x = random_params(cell, 2), random_carry(cell, 1), sequence(1, 2)
    pair = jax.vmap(to_equinox(cell, params))(x, carry)
    assert_close(cell.step(params, carry, x)[0], LSTMCarry(*pair))


def test_without_biases_they_must_be_zero():
    params = random_params(GRU(3), 2)
    with pytest.raises(ValueError, match="bias is not zero"):
        to_equinox(GRU(3), params, use_bias=False)
    params = params._replace(b=0 * params.b)
    with pytest.raises(ValueError, match="bias_n is not zero"):
        to_equinox(GRU(3), params, use_bias=False)
    params = params._replace(b_hn=0 * params.b_hn)
    cell = to_equinox(GRU(3), params, use_bias=False)
    assert cell.bias is None
    assert_same(from_equinox(cell)[1], params)


def test_what_does_not_fit_is_refused():
    for cell in (Elman(3), LSTM(3, projection_size=2), GRU(3, reset_after=False)):
        with pytest.raises((TypeError, ValueError), match="to_equinox: cell"):
            to_equinox(cell, random_params(cell, 2))
    with pytest.raises(TypeError, match="a Linear"):
        from_equinox(eqx.nn.Linear(2, 3, key=jax.random.key(0)))
    cell = eqx.nn.GRUCell(2, 3, key=jax.random.key(0))
    broken = eqx.tree_at(lambda c: c.weight_hh, cell, jnp.ones((9, 2)))
    with pytest.raises(ValueError, match="weight_hh is float32"):
        from_equinox(broken)
