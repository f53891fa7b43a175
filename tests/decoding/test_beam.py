"""Beam search: against all sequences there are, and against beams in plain Python."""

import itertools
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.decoding import Hypotheses, beam_search, sample

V, LENGTH = 3, 4
CELL = recur.Readout(recur.LSTM(4), V)
PARAMS = jax.tree.map(lambda a: 3 * a, CELL.init(jax.random.key(1), V))
PROMPT = (1, 2)
embed = partial(jax.nn.one_hot, num_classes=V)
search = partial(beam_search, CELL, PARAMS, None, length=LENGTH, embed=embed)
step = jax.jit(CELL.step)


@cache
def after(tokens):
    """Carry and log-probabilities after some classes, by a loop of the step."""
    carry = after(tokens[:-1])[0] if len(tokens) > 1 else CELL.init_carry()
    carry, logits = step(PARAMS, carry, embed(jnp.asarray(tokens[-1])))
    return carry, np.asarray(jax.nn.log_softmax(logits), np.float64)


def log_likelihood(prompt, tokens):
    return sum(after(prompt + tokens[:n])[1][w] for n, w in enumerate(tokens))


def score(prompt, tokens, alpha):
    return log_likelihood(prompt, tokens) / ((5 + len(tokens)) / 6) ** alpha


def is_whole(tokens, end):
    if end is None or end not in tokens:
        return len(tokens) == LENGTH
    return tokens.index(end) == len(tokens) - 1


def all_sequences(prompt, end, alpha):
    """Every sequence there is with its score, the best first."""
    some = (itertools.product(range(V), repeat=n + 1) for n in range(LENGTH))
    whole = [s for s in itertools.chain(*some) if is_whole(s, end)]
    return sorted(((score(prompt, s, alpha), s) for s in whole), reverse=True)


def by_beams(prompt, beams, end, alpha):
    """The same search without an early stop, a sequence a tuple."""
    still, ended = [()], []
    for _ in range(LENGTH):
        grown = [(*s, w) for s in still for w in range(V)]
        grown = sorted(grown, key=partial(log_likelihood, prompt))
        ended += [s for s in grown[-beams:] if s[-1] == end]
        still = [s for s in grown if s[-1] != end][-beams:]
    whole = {s: score(prompt, s, alpha) for s in ended + still}
    best = sorted(whole.items(), key=lambda item: item[1], reverse=True)[:beams]
    return [(value, tokens) for tokens, value in best]


def assert_found(found, expected, end):
    count = len(expected)
    np.testing.assert_allclose(found.scores[:count], [s for s, _ in expected], 1e-4)
    assert np.isneginf(found.scores[count:]).all()
    for tokens, size, (_, sequence) in zip(
        np.asarray(found.tokens), found.lengths, expected, strict=False
    ):
        assert tuple(tokens[:size]) == sequence
        assert (tokens[size:] == end).all()


CASES = [(None, 0.0), (0, 0.0), (0, 0.8), (2, 2.0)]


@pytest.mark.parametrize(("end", "alpha"), CASES)
def test_with_enough_beams_it_finds_all(end, alpha):
    options = {"beams": V**LENGTH, "end": end, "length_penalty": alpha}
    found = search(jnp.array(PROMPT), **options)
    assert_found(found, all_sequences(PROMPT, end, alpha), end)


@pytest.mark.quick(3)
@pytest.mark.parametrize("beams", [1, 2, 3])
@pytest.mark.parametrize(("end", "alpha"), CASES)
def test_with_fewer_it_finds_what_a_plain_search_finds(beams, end, alpha):
    options = {"beams": beams, "end": end, "length_penalty": alpha}
    found = search(jnp.array([[0, 1, 2], [2, 2, 0]]), **options)
    for row, prompt in enumerate([(0, 2), (1, 2), (2, 0)]):
        alone = jax.tree.map(lambda a, row=row: a[..., row], found)
        assert_found(alone, by_beams(prompt, beams, end, alpha), end)


def test_scores_are_as_wide_as_the_logits(x64):
    for dtype, wide in (("float64", "float64"), ("bfloat16", "float32")):
        logits = jnp.log(jnp.array([0.2, 0.5, 0.3], dtype))
        same = lambda params, carry, w, logits=logits: (carry, logits)
        found = beam_search(
            *(same, None, jnp.zeros(()), jnp.array([1], jnp.int32)),
            **{"beams": 2, "length": 2, "embed": lambda w: w, "end": 0},
        )
        assert found.scores.dtype == wide
        best = 2 * np.log(float(jnp.exp(logits[1])))
        np.testing.assert_allclose(found.scores[0], best, 1e-2)


@pytest.mark.parametrize("end", [None, 0])
def test_what_is_not_allowed_never_comes(end):
    """Against all sequences of what is left, each step's shares taken anew."""
    allowed = np.array([True, False, True])

    def score_of(tokens):
        score = 0.0
        for n, w in enumerate(tokens):
            logs = after(PROMPT + tokens[:n])[1]
            score += logs[w] - np.log(np.exp(logs[allowed]).sum())
        return score

    found = search(jnp.array(PROMPT), beams=2**LENGTH, end=end, allowed=allowed)
    left = [s for _, s in all_sequences(PROMPT, end, 0.0) if 1 not in s]
    scores = sorted(map(score_of, left), reverse=True)
    np.testing.assert_allclose(found.scores[: len(left)], scores, rtol=1e-4)
    assert not np.isfinite(found.scores[len(left) :]).any()


def test_one_beam_is_greedy():
    found = search(jnp.array(PROMPT), beams=1)
    options = {"key": jax.random.key(0), "length": LENGTH, "embed": embed}
    greedy = sample(CELL, PARAMS, None, jnp.array(PROMPT), temperature=0, **options)
    np.testing.assert_array_equal(found.tokens[0], greedy.tokens)
    np.testing.assert_allclose(found.scores[0], greedy.scores, rtol=1e-5)


def test_a_carry_may_be_any_tree():
    """A counter without batch axes, and the last class, an integer a row."""
    table = jnp.log(jnp.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1]]))

    def markov(params, carry, w):
        logits = params[w] * (1 + carry["t"])
        return {"t": carry["t"] + 1, "seen": [w + 0 * carry["seen"][0]]}, logits

    start = {"t": jnp.float32(0), "seen": [jnp.zeros(2, jnp.int32)]}
    prompt = jnp.array([[0, 1]])
    whole = Hypotheses(
        *beam_search(
            *(markov, table, start, prompt), beams=9, length=2, embed=lambda w: w
        )
    )
    for row, first in enumerate((0, 1)):
        scores = jax.nn.log_softmax(table[first])[:, None] + jax.nn.log_softmax(
            2 * table, -1
        )
        expected = np.sort(np.asarray(scores).ravel())[::-1]
        np.testing.assert_allclose(whole.scores[:, row], expected, 1e-5)
        for tokens, value in zip(
            np.asarray(whole.tokens)[..., row], whole.scores[:, row], strict=True
        ):
            np.testing.assert_allclose(scores[tuple(tokens)], value, 1e-5)


def test_it_stops_when_all_rows_have_ended():
    """Of a thousand steps it takes few: each would be seen by its callback."""
    taken = []

    def ends(params, carry, w):
        jax.debug.callback(lambda: taken.append(1))
        return carry, jnp.log(jnp.array([0.98, 0.01, 0.01])) + 0.0 * carry

    start, prompt = jnp.float32(0), jnp.array([1])
    options = {"length": 1000, "embed": lambda w: w, "end": 0}
    found = beam_search(ends, None, start, prompt, beams=1, **options)
    jax.effects_barrier()
    assert found.tokens[0, :2].tolist() == [0, 0]
    assert 0 < len(taken) < 10


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"end": 3}, ValueError, "end is 3; expected the number of a class, from 0 to"),
        ({"end": True}, TypeError, "end is bool True"),
        ({"length_penalty": -1.0}, ValueError, "length_penalty is -1.0; expected 0 or"),
        ({"beams": 0}, ValueError, "beams is 0"),
        ({"length": 1.5}, TypeError, "length is float 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, error, message):
    with pytest.raises(error, match=f"beam_search: {message}"):
        search(jnp.array(PROMPT), **{"beams": 2, **wrong})
