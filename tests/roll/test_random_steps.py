"""Steps composed at random are the same in chunks, by a scan and by a plain loop."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.roll.random_steps import draw_program, needed
from tests.support.draw import quickly
from tests.support.interpreter import interpreted
from tests.support.tune import tune


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch, x64):
    tune(monkeypatch, chunk_rows=4, forward_entries=0)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("--random-steps")
        metafunc.parametrize("seed", range(count))


def by_loop(program):
    """The meaning of a roll, using nothing of the library but ``PerStep``."""
    flags = dict(program.flags)
    reverse, lengths = flags.get("reverse"), flags.get("seq_lengths")
    valid, reset = flags.get("mask"), flags.get("reset")
    if flags.get("time_major") is False:
        valid, reset = (None if a is None else a.T for a in (valid, reset))

    def anew(at, carry):
        other = flags.get("reset_carry", jax.tree.map(jnp.zeros_like, carry))
        return choose(at, other, carry)

    def choose(at, yes, no):
        rows = lambda a: at.reshape(at.shape + (1,) * (a.ndim - at.ndim))
        return jax.tree.map(lambda a, b: jnp.where(rows(a), a, b), yes, no)

    def roll(params, carry, xs):
        ys = [None] * program.steps
        times = range(program.steps)
        for t in reversed(times) if reverse else times:
            at = jax.tree.map(
                lambda p: p.values[t] if isinstance(p, recur.PerStep) else p,  # noqa: B023
                params,
                is_leaf=lambda p: isinstance(p, recur.PerStep),
            )
            x = {k: a[t] for k, a in xs.items()}
            old = carry
            if reset is not None and not reverse:
                carry = anew(reset[t], carry)
            carry, y = program.step(at, carry, x)
            if reset is not None and reverse:
                carry = anew(reset[t], carry)
            counts = [] if valid is None else [valid[t]]
            counts += [] if lengths is None else [t < lengths]
            for at in counts:
                carry = choose(at, carry, old)
                y = choose(at, y, jax.tree.map(jnp.zeros_like, y))
            ys[t] = y
        return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *ys)

    return roll


def by_unroll(program, implementation):
    # Another function for each roll, since sizes of chunks change between them.
    step = lambda *args: program.step(*args)
    batch_major = program.flags.get("time_major") is False
    turned = lambda tree: jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)

    def roll(params, carry, xs):
        xs = turned(xs) if batch_major else xs
        options = {**program.flags, "implementation": implementation}
        carry, ys = recur.unroll(step, params, carry, xs, **options)
        return carry, turned(ys) if batch_major else ys

    return roll


def moves(a):
    return jnp.issubdtype(a.dtype, jnp.inexact)


def weigh(tree):
    total = 0.0
    for leaf in filter(moves, jax.tree.leaves(tree)):
        weights = jnp.cos(1.0 + jnp.arange(leaf.size)).reshape(leaf.shape)
        total += jnp.sum(weights * (leaf.real + 0.5 * leaf.imag))
    return total


def all_of(roll, program, compute=quickly):
    """Values, gradients, tangents and second derivatives, as one function."""
    leaves, structure = jax.tree.flatten(program.data())
    places = [n for n, a in enumerate(leaves) if moves(a)]
    moving = [leaves[n] for n in places]
    along = [jnp.sin(2.0 + jnp.arange(a.size)).reshape(a.shape) for a in moving]
    along = [d.astype(a.dtype) for d, a in zip(along, moving, strict=True)]

    def values(moving):
        given = dict(enumerate(leaves)) | dict(zip(places, moving, strict=True))
        return roll(*structure.unflatten(given.values()))

    slopes = jax.grad(lambda moving: weigh(values(moving)))

    def slope_along(moving):
        pairs = zip(slopes(moving), along, strict=True)
        return sum(jnp.sum((da * d).real) for da, d in pairs)

    def run(moving):
        found = {"values": values(moving)}
        if program.has("first order"):
            found["grads"] = slopes(moving)
        elif program.seed % 2:
            found["grads"], found["second"] = jax.jvp(slopes, [moving], [along])
        else:
            found["grads"] = slopes(moving)
            found["second"] = jax.grad(slope_along)(moving)
        if not program.has("one way"):
            found["tangents"] = jax.jvp(lambda m: weigh(values(m)), [moving], [along])
        return found

    return compute(run)(moving)


def stays_small(tree):
    return all(np.abs(a).max(initial=0) < 1e4 for a in jax.tree.leaves(tree))


def differences(found, expected, tolerance):
    """Tells what differs by more, relative to the largest entry of its leaf."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    pairs = zip(
        jax.tree.leaves_with_path(expected), jax.tree.leaves(found), strict=True
    )
    for (path, one), other in pairs:
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        size = max(1.0, np.abs(one).max(initial=0))
        off = np.abs(one - other).max(initial=0) / size
        if not off <= tolerance:
            yield f"{jax.tree_util.keystr(path)} off by {off:.1e}"


@pytest.mark.quick(3)
def test_steps_composed_at_random(seed):
    program = needed(draw_program(seed))
    tolerance = 0.1 if program.has("coarse") else 1e-9
    expected = all_of(by_loop(program), program, interpreted)
    if not stays_small(expected):
        program = replace(program, bounded=True)
        expected = all_of(by_loop(program), program, interpreted)
    for implementation in ("scan", ("chunked", "scan")):
        found = all_of(by_unroll(program, implementation), program)
        wrong = list(differences(found, expected, tolerance))
        assert not wrong, "\n".join([str(implementation), *wrong, program.source()])
