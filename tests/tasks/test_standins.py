"""What is made up where no data is given: right by a rule, and the same again."""

import numpy as np
import pytest

from recur.tasks.baselines.bag import (
    bag_of_ngrams,
    by_place,
    fit_bag,
    percent_right,
)
from recur.tasks.standins.dna import make_sequences
from recur.tasks.standins.music import make_pieces
from recur.tasks.standins.names import make_names
from recur.tasks.standins.numbers import in_words, make_pairs
from recur.tasks.standins.reviews import make_reviews
from recur.tasks.standins.shapes import make_captions
from recur.tasks.standins.vowels import make_vowels

MAKERS = [make_sequences, make_names, make_pairs, make_reviews]


@pytest.mark.parametrize("make", MAKERS)
def test_the_same_is_made_again(make):
    assert make(40) == make(40)
    assert make(40) != make(40, seed=1)


def read_number(text):
    """Reads a number in words, by adding and multiplying."""
    ones = {in_words(n): n for n in range(20)}
    ones |= {in_words(n): n for n in range(20, 100, 10)}
    total, part = 0, 0
    for word in text.split():
        if word == "thousand":
            total, part = total + 1000 * part, 0
        else:
            part = 100 * part if word == "hundred" else part + ones[word]
    return total + part


def test_numbers_in_words_are_those_numbers():
    for n in (*range(1200), 20_315, 100_000, 999_999, 807_060):
        assert read_number(in_words(n)) == n
    parts = make_pairs(300)
    for words, digits in (pair for part in parts for pair in part):
        assert read_number(words) == int(digits.replace(" ", ""))
    sources = [{words for words, _ in part} for part in parts]
    assert not sources[0] & sources[2]


def test_reviews_mean_what_they_say():
    for text, pleased in make_reviews(200):
        good = any(w in text for w in ("great", "lovely", "excellent", "reliable",
                                       "wonderful", "tasty"))  # fmt: skip
        assert pleased == (good != ("not " in text))


def test_pairs_of_shape_and_colour_are_held_out():
    train, valid, test = make_captions(300)
    pairs = [{tuple(t.split()[2:]) for _, t in part} for part in (train, valid, test)]
    assert not pairs[0] & (pairs[1] | pairs[2])
    for new in pairs[2]:  # Each half is known.
        assert all(any(new[i] == old[i] for old in pairs[0]) for i in (0, 1))


def test_music_and_vowels_have_their_shapes():
    train, _, _ = make_pieces(10)
    assert all(piece.shape == (64, 88) for piece in train)
    assert {int(frame.sum()) for piece in train for frame in piece} <= {3, 4}
    (sequences, labels), _, test = make_vowels(200)
    centers = np.stack(
        [np.mean([s.mean(0) for s, n in zip(sequences, labels, strict=True) if n == k],
                 axis=0) for k in range(5)]
    )  # fmt: skip
    found = [np.abs(centers - s.mean(0)).sum(1).argmin() for s in test[0]]
    assert 0.5 < np.mean(found == test[1]) <= 1  # Neither noise nor given away.


@pytest.mark.slow
def test_linear_baselines_are_right_where_a_line_is_enough():
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 4, (400, 6))
    halves = symbols[:200], symbols[200:]
    labels = [half[:, 2] for half in halves]
    assert by_place(halves[0], labels[0], halves[1], labels[1]) == 100
    texts = ["good " * n + "day" for n in (1, 2)] + ["bad day", "a bad one"]
    told = np.array([1, 1, 0, 0])
    assert bag_of_ngrams(texts, told, texts, told, analyzer="word") == 100
    assert bag_of_ngrams(texts, told, ["goods"], np.ones(1), analyzer="char") == 100
    model = fit_bag(texts, told, analyzer="word")
    assert percent_right(model, texts, 1 - told) == 0
