"""Each cell names its inner values, and the named value is the one that flows on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur

KEY = jax.random.key(0)
LSTM = ["input_gate", "forget_gate", "candidate", "cell", "output_gate"]
GRU = ["reset_gate", "update_gate", "candidate"]
NAMES = [
    (recur.Elman(4), ["hidden"]),
    (recur.LSTM(4), LSTM),
    (recur.LSTM(4, peephole=True), LSTM),
    (recur.LSTM(4, coupled=True), LSTM),
    (recur.LSTM(4, coupled=True, peephole=True, projection_size=2), LSTM),
    (recur.LayerNormLSTM(4), LSTM),
    (recur.GRU(4), GRU),
    (recur.GRU(4, reset_after=False), GRU),
    (recur.LayerNormGRU(4), GRU),
]


@pytest.fixture(params=NAMES, ids=lambda row: repr(row[0])[:40])
def row(request):
    return request.param


def equations(cell, dtype=jnp.float32):
    args = cell.init(KEY, 3), cell.init_carry((2,)), jnp.ones((2, 3))
    args = jax.tree.map(lambda a: a.astype(dtype), args)
    return jax.make_jaxpr(cell.step)(*args).jaxpr.eqns


def test_each_name_is_given_once(row):
    cell, names = row
    found = [e.params["name"] for e in equations(cell) if e.primitive.name == "name"]
    assert sorted(found) == sorted(names)


def test_nothing_goes_around_a_name(row):
    cell, _ = row
    eqns = equations(cell)
    used = [id(v) for e in eqns for v in e.invars]
    for eqn in eqns:
        if eqn.primitive.name == "name":
            assert used.count(id(eqn.invars[0])) == 1, eqn.params["name"]


def test_named_values_are_wide(row):
    cell, _ = row
    for eqn in equations(cell, jnp.bfloat16):
        if eqn.primitive.name == "name":
            assert eqn.outvars[0].aval.dtype == jnp.float32


def test_the_named_cell_is_what_is_carried_and_looked_at():
    cell = recur.LSTM(4, peephole=True)
    params, carry = cell.init(KEY, 3), cell.init_carry()
    params = params._replace(w_ch=jnp.arange(12.0))
    named = recur.emit_named(cell)
    carry, (_, values) = named(params, carry, jnp.ones(3))
    (c,), (o,) = values["cell"], values["output_gate"]
    np.testing.assert_array_equal(carry.c, c)
    np.testing.assert_allclose(carry.h, o * jnp.tanh(c), rtol=1e-6)
    blind = named(params._replace(w_ch=None), cell.init_carry(), jnp.ones(3))[1][1]
    np.testing.assert_array_equal(blind["cell"][0], c)  # From zeros i and f see none.
    looked = jax.scipy.special.logit(blind["output_gate"][0]) + params.w_ch[8:] * c
    np.testing.assert_allclose(o, jax.nn.sigmoid(looked), rtol=1e-5)
