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
# Rows, erases, reads first, reverse: each three of them in all ways.
KINDS = [k for k in itertools.product((False, True), repeat=4) if sum(k) % 2 == 0]
# Nothing decays.
KINDS += [(None, *k) for k in itertools.product((False, True), repeat=3) if sum(k) != 2]

pytestmark = pytest.mark.usefixtures("x64")


def data(rows, erases, reads_first=False):
    draw = np.random.default_rng(0)
    some = lambda *shape: jnp.asarray(draw.normal(size=shape))
    decay = None if rows is None else -jnp.exp(some(L, B, N, K if rows else 1))
    done = RankOne(decay, some(L, B, N, K), some(L, B, N, V), some(L, B, N, K))
    if erases:
        done = done._replace(erase=0.3 * some(L, B, N, K), look=some(L, B, N, K))
    if reads_first:
        done = done._replace(bonus=some(L, B, N, K))
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
@pytest.mark.parametrize(("rows", "erases", "reads_first", "reverse"), KINDS)
def test_a_chunk_with_flags_is_its_steps(rows, erases, reads_first, reverse):
    *given, flags = data(rows, erases, reads_first)

    def slopes(take):
        def loss(*given):
            out = take(flags, reverse, *given)
            return sum(jnp.sum(jnp.sin(a)) for a in out), out

        return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(*given)

    assert_close(slopes(at_once), slopes(one_by_one))


@pytest.mark.parametrize("rows", [None, True])
def test_a_chunk_without_flags_is_its_steps(rows):
    done, s, anew, flags = data(rows, True)
    plain = Flags(jnp.ones_like(flags.valid), jnp.zeros_like(flags.reset))
    found = take_chunk(done, s, Flags(None, None), None, reverse=False)
    assert_close(found, one_by_one(plain, False, done, s, anew))


@pytest.mark.parametrize("log_decay", [-1e4, -np.inf])
def test_a_decay_to_nothing_forgets(log_decay):
    done, s, anew, flags = data(True, True)
    # Of some steps, of which the others must not lose digits.
    least = jnp.where(flags.reset[..., None, None], log_decay, done.log_decay)
    done, plain = done._replace(log_decay=least), Flags(None, None)
    all_valid = Flags(jnp.ones_like(flags.valid), jnp.zeros_like(flags.reset))

    def slopes(take):
        return jax.grad(lambda *given: sum(map(jnp.sum, take(*given))), (0, 1))(done, s)

    found = slopes(lambda done, s: take_chunk(done, s, plain, None, reverse=False))
    expected = slopes(lambda done, s: one_by_one(all_valid, False, done, s, anew))
    assert_close(found, expected)


def test_decays_after_much_was_forgotten_lose_no_digits():
    """In float32, where sums of 64 logarithms of -50 round by 1e-4."""
    fast = jnp.full((64, 1), -50.0, "float32").at[1::2].set(-0.001)
    one = jnp.ones((64, 1), "float32")
    done = RankOne(fast, one, one, one)
    _, found = take_chunk(
        done, jnp.ones((1, 1), "float32"), Flags(None, None), None, reverse=False
    )
    assert_close(found[1::2, 0], jnp.full(32, 1 + np.exp(-0.001), "float32"))
