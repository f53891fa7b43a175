"""Random steps, affine in their carry and nearly so, against the plain scan."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur._roll.chunked import tuning
from tests.support.draw import assert_close

T, B, H = 6, 2, 4


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch, x64):
    monkeypatch.setattr(tuning, "LINEAR_ENTRIES", 2 * 4 * B * H)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        count = max(3, metafunc.config.getoption("--random-steps") // 3)
        metafunc.parametrize("seed", range(count))


INPUTS = (
    lambda p, x: x,
    lambda p, x: jnp.sin(x) @ p["w"],
    lambda p, x: p["b"] * x,
    lambda p, x: jax.nn.sigmoid(p["b"]),
    lambda p, x: jnp.tanh(x) + 0.2,
)
AFFINE = (
    lambda v, u, e, p: v + e,
    lambda v, u, e, p: e - v,
    lambda v, u, e, p: v * jax.nn.sigmoid(e),
    lambda v, u, e, p: v / (1.5 + jnp.sin(e)),
    lambda v, u, e, p: jnp.where(e > 0, v, e),
    lambda v, u, e, p: jnp.where(e > 0.1, 0.5 * v, -v),
    lambda v, u, e, p: 0.6 * v + u * jnp.cos(e),
    lambda v, u, e, p: v - 0.3 * u,
    lambda v, u, e, p: (
        (v.reshape(B, 2, 2) * e.sum(-1)[..., None, None]).reshape(B, H)
        if e.ndim > 1
        else v
    ),
    lambda v, u, e, p: jnp.concatenate([0.4 * v[:, :1], v[:, 1:] + 1], axis=1),
    lambda v, u, e, p: (v.T * 0.8).T[:, ::-1][:, ::-1],
)
SPOILED = (
    lambda v, u, e, p: jnp.tanh(v) + e,
    lambda v, u, e, p: v * jax.nn.sigmoid(u),
    lambda v, u, e, p: jnp.where(v > 0, v, e),
    lambda v, u, e, p: v[:, ::-1] + e,
    lambda v, u, e, p: v @ p["w"],
    lambda v, u, e, p: jnp.roll(v, 1, axis=-1),
    lambda v, u, e, p: v - v.mean(-1, keepdims=True),
    lambda v, u, e, p: jnp.maximum(v, e),
    lambda v, u, e, p: jnp.abs(v) * 0.5,
)
READ = (
    lambda v, e, p: v,
    lambda v, e, p: jnp.tanh(v @ p["w"]) * e,
    lambda v, e, p: (v * v).sum(-1),
)


def draw_step(draw, spoiled):
    """A step on two leaves, and ``spoiled`` says whether one line is not affine."""
    lines = [
        (draw.choice(AFFINE), draw.integers(2), draw.choice(INPUTS))
        for _ in range(draw.integers(3, 7))
    ]
    if spoiled:
        at = draw.integers(len(lines))
        lines[at] = (draw.choice(SPOILED), *lines[at][1:])
    read, enter = draw.choice(READ), draw.choice(INPUTS)
    window = draw.random() < 0.3

    def step(p, carry, x):
        values = [carry["h"], carry["g"]]
        e = carry["x"] if window else x
        for line, n, made in lines:
            values[n] = line(values[n], values[1 - n], made(p, e), p)
        new = {"h": values[0], "g": values[1], "x": x}
        return new, (read(values[0], enter(p, x), p), carry["g"])

    return step


def draw_flags(draw):
    flags = {"reverse": bool(draw.integers(2)), "remat": [None, 4][draw.integers(2)]}
    if draw.random() < 0.5:
        flags["seq_lengths"] = jnp.asarray(draw.integers(0, T + 1, B))
    if draw.random() < 0.5:
        flags["reset"] = jnp.asarray(draw.random((T, B)) < 0.3)
    return flags


@pytest.mark.quick(3)
@pytest.mark.parametrize("spoiled", [False, True])
def test_it_is_what_the_plain_scan_makes_of_it(seed, spoiled):
    draw = np.random.default_rng([seed, spoiled])
    step, flags = draw_step(draw, spoiled), draw_flags(draw)
    some = lambda *shape: jnp.asarray(0.6 * draw.normal(size=shape))
    params = {"w": some(H, H), "b": some(H)}
    carry = {name: some(B, H) for name in "hgx"}
    xs = some(T, B, H)

    def loss(given, way):
        out = recur.unroll(step, *given, implementation=way, **flags)
        return sum(jnp.sum(jnp.sin(a)) for a in jax.tree.leaves(out)), out

    slopes = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)
    expected = slopes((params, carry, xs), "scan")
    assert_close(slopes((params, carry, xs), ("chunked", "scan")), expected)
    ways = ("associative", "scan")
    (note,) = recur.explain(step, params, carry, xs, implementation=ways).rolls
    if spoiled:  # Of what is not needed nothing is spoiled; else one line tells.
        return
    assert note.roller == "associative", note
    assert_close(slopes((params, carry, xs), ways), expected)
