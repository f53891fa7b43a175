"""Steps of all kinds, taken apart where that is right and scanned where it is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._jaxpr.flat_step import flat_step
from recur._jaxpr.partition import StepPartition, partition_step
from recur._jaxpr.separable import is_separable
from tests.support.draw import assert_close, loop, random_like

T, B, H = 4, 2, 3
PARAMS = random_like(
    0, {"w": jnp.zeros((H, H)), "v": jnp.zeros((H, H)), "b": jnp.zeros(())}
)
PARAMS |= {"c": jax.lax.complex(PARAMS["v"], PARAMS["w"].T), "H": 0.5}
XS = random_like(1, {"x": jnp.zeros((T, B, H)), "s": jnp.zeros(T)})
XS |= {"n": jnp.arange(T), "key": jax.random.split(jax.random.key(0), T)}
CARRY = random_like(2, jnp.zeros((B, H)))


@jax.custom_jvp
def branching(a):
    return jnp.sin(a)


@branching.defjvp
def _branching(primals, tangents):
    (a,), (da,) = primals, tangents
    return jnp.sin(a), jax.lax.cond(a.sum() > 0, jnp.cos, lambda a: 0 * a, a) * da


@jax.custom_jvp
def soft(a):
    return jnp.tanh(a)


soft.defjvp(lambda primals, tangents: (jnp.tanh(primals[0]), 0.5 * tangents[0]))


@jax.custom_batching.custom_vmap
def mapped_otherwise(a):
    return a


@mapped_otherwise.def_vmap
def _mapped_otherwise(size, is_mapped, a):
    return 2 * a, True


def out(a):
    h = jnp.tanh(a)
    return h, h


def rows(a):
    return jnp.broadcast_to(a, (B, H))


def draws(p, h, x):
    kept = jax.random.bernoulli(x["key"], 0.5, h.shape)
    return out(jnp.where(kept, h @ p["w"], 0.0) + x["x"])


def whiling(p, h, x):
    def halve(a):
        return a / 2

    h_x = jax.lax.stop_gradient(h + x["x"])
    a = jax.lax.while_loop(lambda a: jnp.abs(a).max() > 1, halve, h_x)
    return out(h @ p["w"] + a)


def noisy(p, h, x):
    return out(h @ p["w"] + x["x"] + jax.random.normal(x["key"], h.shape))


def modulus(p, h, x):
    z = x["x"].astype(jnp.complex64) @ p["c"]
    return out((h @ p["w"]) * jnp.abs(z * jax.lax.complex(h, 1 + 0 * h)))


def phase(p, h, x):
    turned = jnp.exp(jax.lax.complex(0 * x["x"], x["x"]))
    return out((jax.lax.complex(h @ p["w"], h) * turned).real)


def spectrum(p, h, x):
    mixed = jnp.fft.irfft(jnp.fft.rfft(h) * jnp.fft.rfft(x["x"]), n=H)
    return out(h @ p["w"] + mixed)


def whole_numbers(p, h, x):
    counts = (h > 0).astype(jnp.int32) @ jnp.ones((H, H), jnp.int32)
    return out(h @ p["w"] + 0.1 * counts.astype(jnp.float32) + x["x"])


def scalars_first(p, h, x):
    return out(x["s"] - (p["b"] + h @ p["w"]) + x["x"] * x["s"])


SEPARATE = {  # Taken apart.
    "scalar input": lambda p, h, x: out(h @ p["w"] + x["s"]),
    "scalar bias": lambda p, h, x: out(h @ p["w"] + p["b"] + x["x"]),
    "weak scalar": lambda p, h, x: out(h @ p["w"] + p["H"] - x["x"]),
    "scalars first": scalars_first,
    "scalar, then split": lambda p, h, x: out(
        jnp.split(h @ jnp.concatenate([p["w"], p["v"]], 1) + p["b"], 2, 1)[1] + x["x"]
    ),
    "scalar of all": lambda p, h, x: out(
        jnp.einsum("bh,h->b", h, p["w"][0])[:, None] + h @ p["v"] - x["s"]
    ),
    "complex beside": modulus,
    "phase": phase,
    "stopped": lambda p, h, x: out(jax.lax.stop_gradient(h) @ p["w"] + x["x"]),
    "stopped weight": lambda p, h, x: out(
        h @ jax.lax.stop_gradient(p["w"]) + h @ p["v"] * x["x"]
    ),
    "whole numbers": whole_numbers,
    "somebody's rule": lambda p, h, x: out(soft(h @ p["w"]) + soft(x["x"])),
    "draws": draws,
}
SCANNED = {
    "complex spectrum": spectrum,
    "while": whiling,
    "cond on the carry": lambda p, h, x: out(
        jax.lax.cond(h.sum() > 0, lambda a: a @ p["v"], jnp.sin, h @ p["w"] + x["x"])
    ),
    "switch on the input": lambda p, h, x: out(
        jax.lax.switch(
            x["n"] % 3, [jnp.sin, lambda a: a @ p["v"], lambda a: a], h @ p["w"]
        )
        + x["x"]
    ),
    "singular branch": lambda p, h, x: out(
        h @ p["w"] + jax.lax.cond(x["s"] > 0, jnp.log, lambda s: 0 * s, x["s"])
    ),
    "branching rule": lambda p, h, x: out(branching(h @ p["w"]) + x["x"]),
    "inverse": lambda p, h, x: out(
        h @ p["w"] + rows(jnp.linalg.solve(jnp.eye(H) + 0.1 * p["v"], x["x"][0]))
    ),
}


def weighted(roll):
    def loss(w, carry, x):
        params, xs = PARAMS | w, XS | x
        last, ys = roll(params, carry, xs)
        weights = jnp.cos(jnp.arange(float(T * B * H))).reshape(T, B, H)
        return jnp.sum(weights * ys) + jnp.sum(last**2)

    return jax.jit(jax.value_and_grad(loss, (0, 1, 2)))


def real(tree):
    return jax.tree.map(lambda a: (jnp.real(a), jnp.imag(a)), tree)


def by_loop(step):
    def roll(params, carry, xs):
        inputs = [jax.tree.map(lambda a: a[t], xs) for t in range(T)]  # noqa: B023
        return loop(step)(params, carry, inputs)

    return roll


X = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), XS)


def found(step):
    flat = flat_step(step, PARAMS, CARRY, X)
    return flat if isinstance(flat, str) else partition_step(flat)


def traced(step):
    return jax.make_jaxpr(step)(PARAMS, CARRY, X)


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", [*SEPARATE, *SCANNED])
def test_steps_equal_the_loop_in_value_and_gradient(name):
    step = (SEPARATE | SCANNED)[name]
    assert isinstance(found(step), StepPartition) == (name in SEPARATE)
    assert is_separable(traced(step)) == (name in SEPARATE)
    args = {k: PARAMS[k] for k in "wvbcH"}, CARRY, {k: XS[k] for k in "xs"}
    ways = ("chunked", "scan")
    ours = weighted(lambda *a: recur.unroll(step, *a, implementation=ways))
    assert_close(*map(real, (ours(*args), weighted(by_loop(step))(*args))))


def test_what_is_mapped_by_a_rule_of_its_own_is_not_mapped():
    def step(p, h, x):
        return out(h @ p["w"] + mapped_otherwise(x["x"]))

    assert "may not do at once" in found(step)
    assert_close(
        recur.unroll(step, PARAMS, CARRY, XS, implementation=("chunked", "scan")),
        by_loop(step)(PARAMS, CARRY, XS),
    )


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_random_draws_are_those_of_the_loop(impl):
    keys = jax.random.split(jax.random.key(1, impl=impl), T)
    xs, args = XS | {"key": keys}, (PARAMS, CARRY)
    expected = by_loop(noisy)(*args, xs)[1]
    run = lambda carry: recur.unroll(noisy, PARAMS, carry, xs)[1]
    np.testing.assert_allclose(run(CARRY), expected, rtol=1e-5, atol=1e-6)
    inside, _ = jax.vjp(run, CARRY)
    np.testing.assert_allclose(inside, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("where", ["input", "carry"])
def test_what_a_step_makes_of_its_input_does_not_exist_for_all_steps(where):
    words, many = 20_000, 512

    def onehot(p, h, x):
        seen = jax.nn.one_hot(x, words)
        seen = seen if where == "input" else seen * h.sum(-1, keepdims=True)
        return out(h @ p["w"] + seen @ p["u"])

    params = {"w": jnp.eye(H), "u": jnp.ones((words, H))}
    ids = jnp.zeros((many, B), jnp.int32)

    def temporaries(implementation):
        run = lambda p: recur.unroll(
            onehot, p, CARRY, ids, implementation=implementation
        )[0]
        compiled = jax.jit(run).lower(params).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporaries("chunked") < 3 * temporaries("scan") + 2**23
