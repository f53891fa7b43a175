"""Sampling: against a Python loop, greedy, and by frequency."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.decoding import Samples, sample

CELL = recur.Readout(recur.GRU(8), 5)
PARAMS = CELL.init(jax.random.key(0), 5)
KEY = jax.random.key(1)
embed = partial(jax.nn.one_hot, num_classes=5)


def test_greedy_equals_a_loop():
    prompt, drawn = jnp.array([1, 2, 3]), []
    carry = CELL.init_carry()
    for token in prompt:
        carry, logits = CELL.step(PARAMS, carry, embed(token))
    for _ in range(6):
        drawn.append(int(jnp.argmax(logits)))
        carry, logits = CELL.step(PARAMS, carry, embed(drawn[-1]))
    ours = sample(
        CELL,
        PARAMS,
        CELL.init_carry(),
        prompt,
        key=KEY,
        length=6,
        embed=embed,
        temperature=0,
    )
    assert isinstance(ours, Samples)
    np.testing.assert_array_equal(ours.tokens, drawn)


def test_drawn_by_the_softmax_of_the_logits():
    rows, logits = 20_000, jnp.log(jnp.array([0.1, 0.2, 0.7]))
    same = lambda params, carry, x: (carry, jnp.broadcast_to(logits[None], (len(x), 3)))
    one_hot = partial(jax.nn.one_hot, num_classes=3)
    prompt = jnp.zeros((1, rows), jnp.int32)
    for temperature, power in ((1.0, 1.0), (0.5, 2.0)):
        drawn = sample(
            same,
            None,
            None,
            prompt,
            key=KEY,
            length=2,
            embed=one_hot,
            temperature=temperature,
        ).tokens
        expected = np.exp(power * logits) / np.exp(power * logits).sum()
        for step in drawn:
            shares = np.bincount(step, minlength=3) / rows
            np.testing.assert_allclose(shares, expected, atol=0.015)
        assert (drawn[0] != drawn[1]).any()


def test_one_key_one_text():
    draw = partial(
        sample, CELL, PARAMS, CELL.init_carry(), jnp.array([0]), length=20, embed=embed
    )
    np.testing.assert_array_equal(draw(key=KEY).tokens, draw(key=KEY).tokens)
    assert (draw(key=KEY).tokens != draw(key=jax.random.key(2)).tokens).any()


SHARES = np.array([0.05, 0.3, 0.1, 0.35, 0.2])
ONLY = {
    "top_k": ({"top_k": 2}, [1, 3]),
    "top_k of all": ({"top_k": 9}, [0, 1, 2, 3, 4]),
    "top_p": ({"top_p": 0.7}, [1, 3, 4]),
    "top_p below the likeliest": ({"top_p": 0.01}, [3]),
    "top_p of all": ({"top_p": 1.0}, [0, 1, 2, 3, 4]),
    # Of classes 1 and 3, 3 alone has more than half.
    "both": ({"top_k": 2, "top_p": 0.5}, [3]),
    "allowed": ({"allowed": np.array([True, True, False, False, True])}, [0, 1, 4]),
    "allowed, top_k": ({"allowed": np.arange(5) != 3, "top_k": 2}, [1, 4]),
}


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", ONLY)
def test_drawn_from_what_is_left_of_the_classes(name):
    options, left = ONLY[name]
    rows, logits = 20_000, jnp.log(jnp.asarray(SHARES, jnp.float32))
    same = lambda params, carry, x: (carry, jnp.broadcast_to(logits[None], (len(x), 5)))
    prompt = jnp.zeros((1, rows), jnp.int32)
    drawn = sample(same, None, None, prompt, key=KEY, length=1, embed=embed, **options)
    expected = np.where(np.isin(np.arange(5), left), SHARES, 0)
    shares = np.bincount(drawn.tokens[0], minlength=5) / rows
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=0.015)
    possible = SHARES * options.get("allowed", 1)
    logs = np.log(possible[drawn.tokens[0]] / possible.sum())
    np.testing.assert_allclose(drawn.scores, logs, rtol=1e-5)


def by_loop(prompt, tokens, end, allowed):
    """Scores and length of given tokens of one row, step by step."""
    carry, score = CELL.init_carry(), 0.0
    for token in prompt[:-1]:
        carry, _ = CELL.step(PARAMS, carry, embed(token))
    last = prompt[-1]
    for n, token in enumerate(tokens):
        carry, logits = CELL.step(PARAMS, carry, embed(last))
        logits = np.where(allowed, np.asarray(logits, np.float64), -np.inf)
        score += logits[token] - np.log(np.exp(logits).sum())
        if token == end:
            return score, n + 1
        last = token
    return score, len(tokens)


def test_rows_end_one_by_one_and_scores_are_those_of_the_model():
    rows, allowed = 6, np.ones((6, 5), bool)
    allowed[:3, 4] = False
    prompt = np.arange(2 * rows).reshape(2, rows) % 5
    options = {"end": 0, "allowed": allowed, "temperature": 0.8}
    drawn = sample(
        CELL, PARAMS, None, prompt, key=KEY, length=7, embed=embed, **options
    )
    assert len({*map(int, drawn.lengths)}) > 2
    for row in range(rows):
        tokens, length = np.asarray(drawn.tokens[:, row]), int(drawn.lengths[row])
        score, expected = by_loop(prompt[:, row], tokens, 0, allowed[row])
        assert expected == length
        np.testing.assert_allclose(drawn.scores[row], score, rtol=1e-5)
        assert not tokens[length:].any()
        assert allowed[row, tokens].all()


def test_greedy_rows_are_the_same_one_by_one():
    prompt = jnp.arange(12, dtype=jnp.int32).reshape(3, 4) % 5
    draw = partial(sample, CELL, PARAMS, None, key=KEY, length=5, embed=embed)
    together = draw(prompt, temperature=0, end=1)
    for row in range(4):
        alone = draw(prompt[:, row], temperature=0, end=1)
        np.testing.assert_array_equal(together.tokens[:, row], alone.tokens)
        np.testing.assert_allclose(together.scores[row], alone.scores, rtol=1e-5)


def test_it_stops_when_all_rows_have_ended():
    read = []

    def step(params, carry, x):
        jax.debug.callback(lambda: read.append(1))
        # The end is all but sure from the third class on.
        ends = jnp.where(carry[..., None] > 1, jnp.array([90.0, 0.0]), jnp.zeros(2))
        ends -= jnp.where(carry[..., None] > 1, 0, jnp.array([90.0, 0.0]))
        return carry + 1, ends

    carry, prompt = jnp.zeros(2, jnp.int32), jnp.ones((1, 2), jnp.int32)
    drawn = sample(
        step, None, carry, prompt, key=KEY, length=99, embed=lambda w: w, end=0
    )
    jax.effects_barrier()
    np.testing.assert_array_equal(drawn.lengths, [3, 3])
    assert len(read) == 3


def test_bad_input():
    draw = partial(sample, CELL, PARAMS, CELL.init_carry(), length=2, embed=embed)
    with pytest.raises(ValueError, match="prompt is empty"):
        draw(jnp.zeros(0, jnp.int32), key=KEY)
    with pytest.raises(ValueError, match="temperature is -1"):
        draw(jnp.array([0]), key=KEY, temperature=-1)
    with pytest.raises(TypeError, match="key is int 0"):
        draw(jnp.array([0]), key=0)
    with pytest.raises(ValueError, match=r"allowed is bool\[4\]; expected bool\[5\]"):
        draw(jnp.array([0]), key=KEY, allowed=np.ones(4, bool))
    with pytest.raises(ValueError, match="allowed is False for all classes of a row"):
        draw(jnp.array([0]), key=KEY, allowed=np.zeros(5, bool))
