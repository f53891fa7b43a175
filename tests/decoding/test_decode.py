"""Sampling: against a Python loop, greedy, and by frequency."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.decoding import sample

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
    np.testing.assert_array_equal(ours, drawn)


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
        )
        expected = np.exp(power * logits) / np.exp(power * logits).sum()
        for step in drawn:
            shares = np.bincount(step, minlength=3) / rows
            np.testing.assert_allclose(shares, expected, atol=0.015)
        assert (drawn[0] != drawn[1]).any()


def test_one_key_one_text():
    draw = partial(
        sample, CELL, PARAMS, CELL.init_carry(), jnp.array([0]), length=20, embed=embed
    )
    np.testing.assert_array_equal(draw(key=KEY), draw(key=KEY))
    assert (draw(key=KEY) != draw(key=jax.random.key(2))).any()


def test_bad_input():
    draw = partial(sample, CELL, PARAMS, CELL.init_carry(), length=2, embed=embed)
    with pytest.raises(ValueError, match="prompt is empty"):
        draw(jnp.zeros(0, jnp.int32), key=KEY)
    with pytest.raises(ValueError, match="temperature is -1"):
        draw(jnp.array([0]), key=KEY, temperature=-1)
    with pytest.raises(TypeError, match="key is int 0"):
        draw(jnp.array([0]), key=0)
