"""Matrices written to by outer products: chunks against one step after the other."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur._roll.flags import Flags
from recur._roll.linear.rank_one import RankOne, take_chunk, take_step
from tests.support.draw import assert_close

L, B, N, K, V = 6, 2, 2, 3, 4
KINDS = list(itertools.product((False, True), (False, True), (False, True)))

pytestmark = pytest.mark.usefixtures("x64")


def data(rows, erases):
    draw = np.random.default_rng(0)
    some = lambda *shape: jnp.asarray(draw.normal(size=shape))
    decay = -jnp.exp(some(L, B, N, K if rows else 1))
    done = RankOne(decay, some(L, B, N, K), some(L, B, N, V), some(L, B, N, K))
    if erases:
        done = done._replace(erase=0.3 * some(L, B, N, K), look=some(L, B, N, K))
    flags = Flags(*(jnp.asarray(draw.random((L, B)) < p) for p in (0.7, 0.4)))
    return done, some(B, N, K, V), some(B, N, K, V), flags


def one_by_one(flags, reverse, done, s, anew):
    where = lambda flag, a, b: jnp.where(flag[:, None, None, None], a, b)
    found = [None] * L
    for t in reversed(range(L)) if reverse else range(L):
        start = s if reverse else where(flags.reset[t], anew, s)
        new, o = take_step(jax.tree.map(lambda a, t=t: a[t], done), start)
        new = where(flags.reset[t], anew, new) if reverse else new
        s = where(flags.valid[t], new, s)
        found[t] = jnp.where(flags.valid[t][:, None, None], o, 0)
    return s, jnp.stack(found)


def at_once(flags, reverse, done, s, anew):
    s, found = take_chunk(done, s, flags, anew, reverse=reverse)
    return s, jnp.where(flags.valid[:, :, None, None], found, 0)


@pytest.mark.quick(1)
@pytest.mark.parametrize(("rows", "erases", "reverse"), KINDS)
def test_a_chunk_with_flags_is_its_steps(rows, erases, reverse):
    *given, flags = data(rows, erases)

    def slopes(take):
        def loss(*given):
            out = take(flags, reverse, *given)
            return sum(jnp.sum(jnp.sin(a)) for a in out), out

        return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*given)

    assert_close(slopes(at_once), slopes(one_by_one))


def test_a_chunk_without_flags_is_its_steps():
    done, s, anew, flags = data(True, True)
    plain = Flags(jnp.ones_like(flags.valid), jnp.zeros_like(flags.reset))
    found = take_chunk(done, s, Flags(None, None), None, reverse=False)
    assert_close(found, one_by_one(plain, False, done, s, anew))


def test_a_decay_to_nothing_is_finite_in_value_and_slope():
    done, s, _, _ = data(True, False)
    done = done._replace(log_decay=jnp.full_like(done.log_decay, -1e4))

    def loss(done):
        return jnp.sum(take_chunk(done, s, Flags(None, None), None, reverse=False)[1])

    assert all(jnp.isfinite(a).all() for a in jax.tree.leaves(jax.grad(loss)(done)))
