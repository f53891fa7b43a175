"""A roll is tuned for the platform that its program is lowered for."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax import export

import recur
from recur._roll.chunked import tuning
from tests.support.draw import assert_close, random_like, weigh
from tests.support.interpreter import interpreted
from tests.support.tune import tune_as_elsewhere

B, T, N, H = 4, 20, 3, 5
LONG = tuning.SHORT + 1


def own_step(params, carry, x):
    h = jnp.tanh(x @ params[0] + carry @ params[1])
    return h, h


STEPS = {
    "lstm": recur.LSTM(H),
    "gru": recur.GRU(H),
    "elman": recur.Elman(H),
    "own": own_step,
}


def drawn(name, rows=B, steps=T):
    step = STEPS[name]
    if name == "own":
        params, carry = (jnp.ones((N, H)), jnp.eye(H) / 2), jnp.zeros((rows, H))
    else:
        params = step.init(jax.random.key(0), N)
        carry = random_like(1, step.init_carry((rows,)))
    return step, params, carry, random_like(2, jnp.zeros((steps, rows, N)))


def loss(step, implementation="chunked", **options):
    options |= {"implementation": implementation}
    return lambda *args: weigh(recur.unroll(step, *args, **options))


def lowered(function, args, platform):
    """The text of a program for a platform that need not be here."""
    return export.export(jax.jit(function), platforms=[platform])(*args).mlir_module()


@pytest.mark.parametrize("name", STEPS)
def test_another_platform_gets_what_nobody_tuned(name):
    step, *args = drawn(name, rows=64, steps=40)
    texts = {p: lowered(jax.grad(loss(step)), args, p) for p in ("cpu", "cuda", "tpu")}
    loops = {p: text.count("stablehlo.while") for p, text in texts.items()}
    # One on and one back; chunks have a loop of their own.
    assert loops["cuda"] == loops["tpu"] == 2 < loops["cpu"]


def test_many_rows_are_joined_on_a_cpu_only():
    step, *args = drawn("lstm", rows=128)
    beside = f"tensor<128x{N + H}xf32>"
    joins = {p: beside in lowered(loss(step), args, p) for p in ("cpu", "cuda")}
    assert joins == {"cpu": True, "cuda": False}


def test_one_program_for_several_platforms_runs_here():
    step, *args = drawn("gru")
    program = jax.jit(jax.grad(loss(step)))
    platforms = ["cpu", "cuda", "tpu"]
    exported = export.export(program, platforms=platforms)(*args)
    assert_close(exported.call(*args), program(*args))


def test_few_steps_are_traced_once():
    step, *args = drawn("lstm", steps=tuning.SHORT)
    texts = {p: lowered(loss(step), args, p) for p in ("cpu", "cuda")}
    loops = {p: text.count("stablehlo.while") for p, text in texts.items()}
    assert loops["cpu"] == loops["cuda"]


@pytest.mark.parametrize("name", STEPS)
def test_a_choice_keeps_what_one_way_keeps(name, monkeypatch):
    step, *args = drawn(name, steps=40)

    def residual_bytes():
        jax.clear_caches()
        return recur.explain(step, *args, implementation="chunked").residual_bytes

    several = residual_bytes()
    monkeypatch.setattr(tuning, "SHORT", 40)
    assert several <= residual_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_both_ways_are_one_function(name, monkeypatch):
    step, *args = drawn(name, steps=LONG)
    lengths = jnp.array([LONG, 3, 0, LONG - 1])
    flags = {"seq_lengths": lengths, "reset": jnp.arange(LONG * B).reshape(LONG, B) < 9}
    kinds = {}, {"reverse": True}, flags, {"remat": 4}

    def values(options):
        function = jax.value_and_grad(loss(step, **options), (0, 1, 2))
        return interpreted(function)(*args)

    here = [values(options) for options in kinds]
    jax.clear_caches()
    tune_as_elsewhere(monkeypatch)
    for options, expected in zip(kinds, here, strict=True):
        assert_close(values(options), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "own"])
def test_every_mode_goes_through_a_choice(name):
    step, params, *rest = drawn(name, steps=LONG)
    direction = jax.tree.map(jnp.cos, params)

    def modes(implementation, params):
        at = lambda params: loss(step, implementation)(params, *rest)
        forward = jax.jvp(at, (params,), (direction,))[1]
        curved = jax.jvp(jax.grad(at), (params,), (direction,))[1]
        several = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
        return forward, curved, jax.vmap(jax.grad(at))(several)

    found, expected = (partial(modes, way) for way in ("chunked", "scan"))
    assert_close(jax.jit(found)(params), interpreted(expected)(params))
