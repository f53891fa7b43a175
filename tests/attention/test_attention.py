"""Attention against NumPy loops, and encoder-decoders against each sentence alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.attention import (
    Additive,
    AdditiveParams,
    Attention,
    AttentionParams,
    AttentionPool,
    AttentionPoolParams,
    EncoderDecoder,
    EncoderDecoderParams,
    Multiplicative,
    MultiplicativeParams,
    with_memory,
)
from recur.attention.memory import Memory, look, weigh
from recur.decoding import beam_search, sample
from tests.support.interpreter import interpreted, traced

SCORES = [Additive(4), Multiplicative(), Multiplicative(scaled=True)]
PARAMS = AdditiveParams, AttentionParams, AttentionPoolParams, MultiplicativeParams
T, S, B, H, M = 5, 7, 3, 4, 6
LENGTHS = np.array([7, 3, 1])


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def softmax(e):
    p = np.exp(e - e.max())
    return p / p.sum()


def by_hand(score, p, query, memory):
    """Weights and mean of one query over one row of valid memory, in float64."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), p)
    if isinstance(score, Additive):
        e = [np.tanh(query @ p.w_q + m @ p.w_k + p.b) @ p.v for m in memory]
    else:
        e = [m @ p.w_k @ query for m in memory]
        e = np.divide(e, np.sqrt(len(query)) if score.scaled else 1)
    weights = softmax(np.array(e))
    return weights, weights @ memory


@pytest.mark.quick(1)
@pytest.mark.parametrize("score", SCORES, ids=lambda s: type(s).__name__)
def test_an_attention_is_what_the_papers_say(score):
    cell = Attention(recur.GRU(H), score, 5, memory_size=M)
    params = cell.init(jax.random.key(0), 2)
    xs, memory = draws(T, B, 2), draws(S, B, M, seed=1)
    looking = with_memory(params, memory, seq_lengths=LENGTHS)
    assert isinstance(looking.memory, Memory)
    carry, ys = interpreted(partial(recur.unroll, cell))(looking, None, xs)
    inner, hs = interpreted(partial(recur.unroll, cell.cell))(params.cell, None, xs)
    np.testing.assert_allclose(carry, inner, rtol=1e-6)
    w, b = np.asarray(params.w, np.float64), np.asarray(params.b, np.float64)
    for t in range(T):
        for row, length in enumerate(LENGTHS):
            h = np.asarray(hs[t, row], np.float64)
            _, found = by_hand(score, params.score, h, memory[:length, row])
            expected = np.tanh(np.concatenate([h, found]) @ w + b)
            np.testing.assert_allclose(ys[t, row], expected, atol=1e-5)


def test_what_is_padded_has_no_weight_and_no_cotangent():
    cell = Attention(recur.GRU(H), Additive(4), 5, memory_size=M)
    params, xs = cell.init(jax.random.key(0), 2), draws(T, B, 2)
    memory = draws(S, B, M, seed=1)
    padded = np.arange(S)[:, None] >= LENGTHS
    dirty = np.where(padded[..., None], np.nan, memory)

    def loss(memory):
        looking = with_memory(params, memory, seq_lengths=LENGTHS)
        return jnp.sum(jnp.sin(recur.unroll(cell, looking, None, xs)[1]))

    slope = traced(jax.value_and_grad(loss), memory)
    value, cotangent = jax.jit(jax.value_and_grad(loss))(dirty)
    clean, expected = slope(memory)
    assert value == pytest.approx(float(clean), rel=1e-6)
    assert not np.asarray(cotangent)[padded].any()
    expected = np.where(padded[..., None], 0, expected)
    np.testing.assert_allclose(cotangent, expected, rtol=1e-5)


def test_a_row_with_nothing_to_look_at_finds_zero():
    def loss(scores):
        return weigh(scores, jnp.zeros(3, bool)).sum() + scores.sum()

    value, cotangent = jax.value_and_grad(loss)(jnp.ones((2, 3)))
    assert value == 6
    np.testing.assert_array_equal(cotangent, np.ones((2, 3)))
    np.testing.assert_array_equal(look(jnp.zeros((1, 2)), jnp.ones((2, 3))), [[0] * 3])


@pytest.mark.slow
def test_steps_flags_and_remat_see_the_same():
    cell = recur.Stack((recur.LSTM(3), Attention(recur.GRU(H), Additive(4), 5, M)))
    params, xs = cell.init(jax.random.key(0), 2), draws(T, B, 2)
    memory, lengths = draws(S, B, M, seed=1), np.array([T, 2, 0])

    def loss(given, roll):
        looking = with_memory(*given, seq_lengths=LENGTHS)
        return jnp.sum(jnp.sin(roll(cell, looking, cell.init_carry((B,)), xs)))

    def remat(*args):
        return recur.unroll(*args, seq_lengths=lengths, remat=2)[1]

    def plain(*args):
        return recur.static_unroll(*args, seq_lengths=lengths)[1]

    values = jax.value_and_grad(loss)
    results = [
        interpreted(partial(values, roll=roll))((params, memory))
        for roll in (remat, plain)
    ]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), *results
    )


def test_the_weights_can_be_seen():
    cell = Attention(recur.GRU(H), Multiplicative(), 5, memory_size=M)
    params, xs = cell.init(jax.random.key(0), 2), draws(T, B, 2)
    memory = draws(S, B, M, seed=1)
    looking = with_memory(params, memory, seq_lengths=LENGTHS)
    seen = partial(recur.unroll, recur.emit_named(cell))
    _, (_, named) = interpreted(seen)(looking, None, xs)
    (weights,) = named["attention"]
    hs = interpreted(partial(recur.unroll, cell.cell))(params.cell, None, xs)[1]
    query = np.asarray(hs[2, 1], np.float64)
    expected, _ = by_hand(cell.score, params.score, query, memory[:3, 1])
    np.testing.assert_allclose(weights[2, 1, :3], expected, atol=1e-5)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert not np.asarray(weights)[:, 1, 3:].any()


@pytest.mark.quick(1)
@pytest.mark.parametrize("time_major", [True, False])
def test_pooling_weighs_the_valid_steps(time_major):
    pool, ys = AttentionPool(5), draws(S, B, M)
    params = pool.init(jax.random.key(0), M)
    given = ys if time_major else ys.swapaxes(0, 1)
    flags = {"seq_lengths": np.array([7, 3, 0]), "time_major": time_major}
    y, weights = interpreted(partial(pool, **flags))(params, given)
    weights = weights if time_major else weights.T
    w, b, v = (np.asarray(a, np.float64) for a in params)
    for row, length in enumerate([7, 3]):
        valid = ys[:length, row]
        expected = softmax(np.tanh(valid @ w + b) @ v)
        np.testing.assert_allclose(weights[:length, row], expected, atol=1e-6)
        np.testing.assert_allclose(y[row], expected @ valid, atol=1e-5)
    assert not np.asarray(y[2]).any()
    assert not np.asarray(weights[:, 2]).any()
    slope = jax.grad(lambda p: jnp.sum(pool(p, given, **flags)[0]))
    grads = interpreted(slope)(params)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


def translator():
    decoder = recur.Readout(Attention(recur.LSTM(H), Additive(4), 5, 6), 4)
    model = EncoderDecoder(recur.Bidirectional(recur.GRU(3)), decoder)
    params = model.init(jax.random.key(3), input_size=2, output_size=4)
    assert isinstance(params, EncoderDecoderParams)
    return model, jax.tree.map(lambda a: 3 * a, params)


def one_hot(words):
    return jax.nn.one_hot(words, 4)


@pytest.mark.slow
def test_a_row_is_read_and_written_as_it_is_alone():
    model, params = translator()
    sources, known, rows = draws(S, B, 2), draws(T, B, 4, seed=1), slice(1, 2)
    prompt, told = np.zeros((1, B), np.int32), {"length": 4, "embed": one_hot}

    def loss(row, params, source, known, lengths):
        ready, carry = model.encode(params, source, seq_lengths=lengths)
        logits = recur.unroll(model.decoder, ready, carry, known)[1]
        return jnp.sum(jnp.sin(logits[:, row]))

    both = (
        (1, sources, known, LENGTHS),
        (0, sources[:3, rows], known[:, rows], LENGTHS[rows]),
    )
    slope = jax.value_and_grad(loss, 1)
    results = [interpreted(partial(slope, row))(params, *args) for row, *args in both]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), *results
    )

    @interpreted
    def search(params, source, first, lengths):
        ready, carry = model.encode(params, source, seq_lengths=lengths)
        return beam_search(model.decoder, ready, carry, first, beams=3, **told)

    found = [
        search(params, sources, prompt, LENGTHS),
        search(params, sources[:3, rows], prompt[:, rows], None),
    ]
    np.testing.assert_array_equal(found[0].tokens[..., 1], found[1].tokens[..., 0])
    np.testing.assert_allclose(found[0].scores[:, 1], found[1].scores[:, 0], rtol=1e-4)


@pytest.mark.slow
def test_greedy_is_what_a_loop_writes():
    model, params = translator()
    encode = partial(model.encode, seq_lengths=LENGTHS)
    ready, carry = interpreted(encode)(params, draws(S, B, 2))
    word, words, last = jnp.zeros(B, jnp.int32), [], carry
    step = traced(model.decoder.step, ready, carry, one_hot(word))
    for _ in range(4):
        last, logits = step(ready, last, one_hot(word))
        word = jnp.argmax(logits, -1)
        words.append(word)
    drawn = sample(
        model.decoder, ready, carry, np.zeros((1, B), np.int32), temperature=0,
        length=4, embed=one_hot, key=jax.random.key(0),
    )  # fmt: skip
    np.testing.assert_array_equal(drawn.tokens, jnp.stack(words))


def test_bad_input():
    cell = Attention(recur.GRU(H), Additive(4), 5, memory_size=M)
    params, xs = cell.init(jax.random.key(0), 2), draws(T, B, 2)
    with pytest.raises(ValueError, match=r"have no memory.*recur\.attention\.with_mem"):
        recur.unroll(cell, params, None, xs)
    with pytest.raises(ValueError, match=r"expected a last axis of 6"):
        with_memory(params, draws(S, B, M + 1))
    with pytest.raises(ValueError, match=r"has batch axes \(2,\) and the outputs"):
        recur.unroll(cell, with_memory(params, draws(S, 2, M)), None, xs)
    with pytest.raises(TypeError, match=r"score is .*expected a score"):
        Attention(recur.GRU(H), 5, 5, memory_size=M)
    with pytest.raises(ValueError, match=r"seq_lengths"):
        with_memory(params, draws(S, B, M), seq_lengths=np.array([9, 1, 1]))
    with pytest.raises(TypeError, match="EncoderDecoder: cell is"):
        EncoderDecoder(recur.GRU(3), 5)
    with pytest.raises(ValueError, match="size"):
        AttentionPool(0)
