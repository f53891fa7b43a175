"""The cells' own rule: options, precisions, and what they keep."""

from dataclasses import dataclass

import chex
import jax
import jax.numpy as jnp
import pytest

import recur
from recur._roll.chunked.tuning import CPU, chunk_steps, even_steps, forward_steps
from recur._roll.dispatch import check_implementation
from recur.cells.rules.elman import ElmanRule
from recur.cells.rules.gru import ResetAfterRule, ResetBeforeRule
from recur.cells.rules.lstm import LSTMRule
from tests.support.draw import TOLERANCE, assert_close, random_like, weigh
from tests.support.interpreter import interpreted
from tests.support.tune import tune

B, T, N, H = 3, 6, 4, 5
CELLS = {
    "lstm": (recur.LSTM, {}, LSTMRule),
    "gru": (recur.GRU, {}, ResetAfterRule),
    "gru-before": (recur.GRU, {"reset_after": False}, ResetBeforeRule),
    "elman": (recur.Elman, {}, ElmanRule),
}


def prepared(name, rows=B, **options):
    kind, own, _ = CELLS[name]
    cell = kind(H, **own, **options)
    params = cell.init(jax.random.key(0), N)
    carry = random_like(1, cell.init_carry((rows,)))
    return cell, params, carry, random_like(2, jnp.zeros((T, rows, N), cell.dtype))


def gradients(cell, params, carry, xs, implementation):
    def loss(*args):
        return weigh(recur.unroll(cell, *args, implementation=implementation))

    compute = interpreted if implementation == "scan" else jax.jit
    return compute(jax.value_and_grad(loss, (0, 1, 2)))(params, carry, xs)


@pytest.mark.parametrize("name", CELLS)
def test_each_cell_knows_its_rule(name):
    cell, params, carry, _ = prepared(name)
    assert isinstance(cell.rule(params, carry), CELLS[name][2])


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_precisions(name, dtype, request):
    if dtype == "float64":
        request.getfixturevalue("x64")
    args = prepared(name, dtype=dtype)
    chunked, plain = (gradients(*args, way) for way in ("chunked", "scan"))
    assert_close(chunked[1], plain[1], dtype)
    assert_close(chunked[0], plain[0], dtype)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", CELLS)
def test_products_in_bfloat16_keep_float32_around_them(name):
    args = prepared(name, compute_dtype=jnp.bfloat16)
    chunked, plain = (gradients(*args, way) for way in ("chunked", "scan"))
    chex.assert_trees_all_equal_shapes_and_dtypes(chunked, plain)
    chex.assert_trees_all_close(chunked, plain, **TOLERANCE[jnp.dtype(jnp.bfloat16)])


@pytest.mark.usefixtures("x64")
def test_many_rows_join_the_products_of_an_lstm():
    args = prepared("lstm", rows=128, dtype=jnp.float64)
    assert args[0].rule(*args[1:3]).joined
    ways = (gradients(*args, way) for way in ("chunked", "scan"))
    assert_close(*ways, jnp.float64)


def test_a_step_that_was_overridden_is_another_step():
    @dataclass(frozen=True)
    class Doubled(recur.LSTM):
        def step(self, params, carry, x):
            carry, y = super().step(params, carry, x)
            return carry, 2 * y

    cell = Doubled(H)
    _, params, carry, xs = prepared("lstm")
    _, twice = recur.unroll(cell, params, carry, xs, implementation="chunked")
    _, once = recur.unroll(recur.LSTM(H), params, carry, xs)
    assert_close(twice, 2 * once)


def test_equations_that_were_overridden_are_another_step():
    class Doubled(recur.LSTM):
        def equations(self, params, carry, x):
            carry, y = super().equations(params, carry, x)
            return carry, 2 * y

    class Halved(recur.GRU):
        def product(self, x, w):
            return super().product(x, w) / 2

    for cell, name in ((Doubled(H), "lstm"), (Halved(H), "gru")):
        _, params, carry, xs = prepared(name)
        _, rolled = recur.unroll(cell, params, carry, xs, implementation="chunked")
        _, expected = recur.static_unroll(cell, params, carry, xs)
        assert_close(rolled, expected)


@pytest.mark.parametrize("name", CELLS)
def test_params_of_other_units_are_refused(name):
    _, params, _, xs = prepared(name)
    cell = CELLS[name][0](H + 2, **CELLS[name][1])
    with pytest.raises(ValueError, match=r"_step: .*; expected"):
        recur.unroll(cell, params, None, xs)


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
def test_training_keeps_less_than_the_plain_scan(monkeypatch):
    tune(monkeypatch, chunk_rows=16 * B)
    cell, params, carry, _ = prepared("lstm")
    xs = jnp.zeros((256, B, N))

    def temporaries(implementation):
        def loss(params):
            roll = recur.unroll(cell, params, carry, xs, implementation=implementation)
            return jnp.sum(roll[1])

        compiled = jax.jit(jax.grad(loss)).lower(params).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporaries("chunked") < 0.75 * temporaries("scan")


def test_unknown_implementations_are_refused():
    check_implementation("doc", "scan")
    with pytest.raises(ValueError, match="implementation is 'fast'; expected one of"):
        recur.unroll(recur.GRU(2), None, None, None, implementation="fast")


def test_chunks_are_at_least_a_step():
    assert chunk_steps(CPU, jnp.zeros((10**4, 10**3)), 10**3) == 1
    assert chunk_steps(CPU, (), 10**3) > 1
    assert chunk_steps(CPU, (), 0) > 0
    assert even_steps(7, 1) == 1


@pytest.mark.slow
def test_more_steps_are_done_at_once_onward_the_less_is_projected():
    ahead = [
        forward_steps(CPU, jnp.zeros((96, 16, n)), 96, least=2, made=0, most=96)
        for n in (8, 900, 10**5)
    ]
    assert ahead[0] == 96 > ahead[1] > ahead[2] == 2
    assert forward_steps(CPU, (), 5, least=1, made=0, most=3) == 3


def test_chunks_are_even_where_that_costs_little():
    for length in range(1, 60):
        for most in range(1, 20):
            steps, least = even_steps(length, most), min(most, length) // 2
            fit = max(n for n in range(1, most + 1) if length % n == 0)
            assert steps == (fit if fit > least else min(most, length))
