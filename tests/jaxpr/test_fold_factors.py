"""A linear map multiplied out is the same map, with fewer factors."""

import jax
import jax.numpy as jnp
import pytest

import recur
from benchmarks.peers.user_steps import STEPS
from recur._jaxpr.fold_factors import fold_factors
from recur._roll.chunked.forward import residual_outputs
from recur._roll.chunked.resolve import resolve_rule
from recur._roll.chunked.ways import ways_of
from recur._roll.flags import Flags
from recur._roll.masking import Starts
from recur._roll.plain_scan import plain_scan
from recur._roll.roller import RollPlan, make_roll
from tests.support.draw import assert_close, random_like

B, N, H = 3, 4, 5
A, P, Q, W = random_like(0, (jnp.zeros((B, H)),) * 3 + (jnp.zeros((H, N)),))
NONE = jnp.zeros((B, H))


def twice_used(x, z):
    total = x * A - z * P
    return total * Q + z, total - x, -total


def by_literals(x, z):
    return 2.0 * x * A * 0.5 - z * 3.0, 1.0 - (1.0 - z)


def not_entry_by_entry(x, z):
    joined = jnp.concatenate([x * A, z * P], axis=-1)
    return (x * A * P) @ W, jnp.split(joined * 2.0, 2, axis=-1)[1] * Q, (z * Q).sum(0)


# A linear map, and how many factors are left of it.
MAPS = {
    "chain": (lambda x, z: x * A * P * Q, 1),
    "value and chain": (lambda x, z: (x + x * A) * P + z, 1),
    "sums": (lambda x, z: (x * A * P + z * A) * Q, 3),
    "same factor": (lambda x, z: (x * A, z * A), 1),
    "a constant in a jit": (lambda x, z: jax.jit(lambda a: a * (A * P))(x) * Q, 1),
    "divided": (lambda x, z: x * A / P, 2),
    "nothing": (lambda x, z: (x * A, NONE, jnp.float32(0)), 2),
    "twice used": (twice_used, 3),
    "by literals": (by_literals, 1),
    "not entry by entry": (not_entry_by_entry, 5),
}


@pytest.mark.parametrize("name", MAPS)
def test_values_and_transpose_stay(name):
    linear, count = MAPS[name]
    args = random_like(1, (jnp.zeros((B, H)),) * 2)
    fewer = fold_factors(linear, *args)
    assert len(jax.tree.leaves(fewer)) == count
    out, back = jax.vjp(linear, *args)
    out_fewer, back_fewer = jax.vjp(fewer, *args)
    assert_close(out_fewer, out)
    assert_close(back_fewer(random_like(2, out)), back(random_like(2, out)))


@pytest.mark.parametrize("name", MAPS)
def test_factors_may_have_an_axis_of_steps(name):
    linear, _ = MAPS[name]
    many = random_like(3, jnp.zeros((2, B, H)))
    args = random_like(1, (jnp.zeros((2, B, H)),) * 2)

    def at(a, linear=linear):
        return lambda x, z: jax.tree.map(jnp.array, linear(x * a, z))

    maps = jax.vmap(lambda a: fold_factors(at(a), NONE, NONE))(many)
    out = jax.vmap(lambda f, *args: f(*args))(maps, *args)
    assert_close(out, jax.vmap(lambda a, *args: at(a)(*args))(many, *args))


# Pre-activations and carries; what is put out is one of these.
@pytest.mark.parametrize(("name", "kept"), [("lstm", 4 + 2), ("gru_before", 3 + 1)])
def test_a_value_is_kept_once(name, kept):
    cell = recur.LSTM(H) if name == "lstm" else recur.GRU(H, reset_after=False)
    params, carry = cell.init(jax.random.key(0), N), cell.init_carry((B,))
    xs = jnp.zeros((2, B, N))
    step, flags, starts = STEPS[name], Flags(None, None), Starts(None, None)
    plan = RollPlan(2, reverse=False, segment=None, symbolic=False, scan_unroll=1)
    roll = make_roll(step, params, carry, xs, flags, starts, plan, plain_scan)
    rule = resolve_rule(roll, where_it_pays=False)
    weights = rule.prepare(params)
    way = ways_of(rule, carry, 2, of=2, reverse=False)["default"]
    values = residual_outputs(way, weights, carry, xs, starts, flags)
    assert len(values.once) == kept
