"""Scheduled sampling: teacher forcing at 0, its own words at 1, shares between."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.decoding import scheduled_sampling
from recur.decoding.scheduled import _draw

V, T, B = 4, 6, 3
CELL = recur.Readout(recur.LSTM(5), V)
PARAMS = jax.tree.map(lambda a: 3 * a, CELL.init(jax.random.key(1), V))
TOKENS = np.random.default_rng(0).integers(0, V, (T, B))
LENGTHS = np.array([6, 4, 1])
embed = partial(jax.nn.one_hot, num_classes=V)


@partial(jax.jit, static_argnames="lengths")
def loss(params, rate, key, lengths=None):
    lengths = None if lengths is None else np.array(lengths)
    options = {"rate": rate, "key": key, "embed": embed, "seq_lengths": lengths}
    _, logits = scheduled_sampling(CELL, params, None, TOKENS, **options)
    return jnp.sum(jnp.sin(logits)), logits


@pytest.mark.slow
def test_at_0_it_is_teacher_forcing():
    def forced(params):
        lengths = {"seq_lengths": LENGTHS}
        logits = recur.unroll(CELL, params, None, embed(TOKENS), **lengths)[1]
        return jnp.sum(jnp.sin(logits)), logits

    own = partial(loss, lengths=tuple(LENGTHS.tolist()))
    results = [
        jax.value_and_grad(f, has_aux=True)(PARAMS, *args)
        for f, args in ((own, (0.0, jax.random.key(0))), (forced, ()))
    ]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *results
    )


@pytest.mark.slow
def test_at_1_it_reads_what_it_drew():
    key = jax.random.key(3)
    grads, logits = jax.grad(loss, has_aux=True)(PARAMS, 1.0, key)
    chances = np.asarray(jax.random.uniform(jax.random.split(key)[1], (T, B)))
    words = [TOKENS[0]]
    for t in range(1, T):
        p = np.asarray(jax.nn.softmax(logits[t - 1]), np.float64)
        words.append((p.cumsum(-1)[:, :-1] < chances[t][:, None]).sum(-1))
    read = embed(np.stack(words))

    def forced(params):
        return jnp.sum(jnp.sin(recur.unroll(CELL, params, None, read)[1]))

    np.testing.assert_allclose(
        logits, recur.unroll(CELL, PARAMS, None, read)[1], rtol=1e-4, atol=1e-5
    )
    jax.tree.map(  # What is drawn has no gradient.
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        grads,
        jax.grad(forced)(PARAMS),
    )


def test_classes_are_drawn_as_often_as_they_are_likely():
    p = np.array([0.1, 0.6, 0.05, 0.25])
    logits = jnp.broadcast_to(jnp.log(jnp.asarray(p, jnp.float32)), (20_000, 4))
    chance = jax.random.uniform(jax.random.key(0), (20_000,))
    often = np.bincount(np.asarray(_draw(logits, chance)), minlength=4) / 20_000
    np.testing.assert_allclose(often, p, atol=0.015)


def test_bad_input():
    told = {"key": jax.random.key(0), "embed": embed}
    with pytest.raises(ValueError, match="rate is 2; expected a share from 0 to 1"):
        scheduled_sampling(CELL, PARAMS, None, TOKENS, rate=2, **told)
    with pytest.raises(TypeError, match="tokens is float32"):
        scheduled_sampling(CELL, PARAMS, None, np.ones((2, 1), "f4"), rate=0.1, **told)
    with pytest.raises(ValueError, match="tokens is empty"):
        scheduled_sampling(CELL, PARAMS, None, TOKENS[:0], rate=0.1, **told)
