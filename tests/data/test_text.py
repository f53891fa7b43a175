"""Text as numbers, and the n-gram floors against counting by hand."""

from collections import Counter
from math import log2

import numpy as np
import pytest

from recur.data.text import (
    Corpus,
    decode,
    encode,
    make_corpus,
    python_documentation,
    read_text,
    window_at,
)
from recur.tasks.baselines.ngram import ngram_bits


def test_corpus():
    text = "to be, or not to be: that is the question. " * 20
    corpus = make_corpus(text, window=16)
    assert isinstance(corpus, Corpus)
    whole = np.concatenate([corpus.train, corpus.valid])
    assert decode(corpus.vocabulary, whole) == text
    assert len(corpus.valid) == len(text) // 10
    assert make_corpus(text, window=8).digest == corpus.digest


def test_documentation_is_the_text_of_every_python():
    assert len(python_documentation()) > 400_000


def test_too_short_a_text():
    with pytest.raises(ValueError, match=r"text: 12 characters came; expected .* 650"):
        make_corpus("to be or not", window=64)


def test_texts_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read .*No such file"):
        read_text(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"cannot be read .*directory"):
        read_text(tmp_path)
    (tmp_path / "latin").write_bytes("naïve".encode("latin-1"))
    with pytest.raises(ValueError, match=r"is not UTF-8 \(byte 2\)"):
        read_text(tmp_path / "latin")
    (tmp_path / "good").write_text("naïve\n", "utf-8")
    assert read_text(tmp_path / "good") == "naïve\n"


def test_unknown_characters():
    with pytest.raises(ValueError, match=r"\['x', 'y'\] are not in the vocabulary"):
        encode("abc", "axby")


def test_windows_walk_on_and_go_round():
    ids = np.arange(20)
    first = window_at(ids, 0, rows=2, window=4)
    np.testing.assert_array_equal(first.T, [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]])
    second = window_at(ids, 4, rows=2, window=4)
    np.testing.assert_array_equal(second[0], first[-1])
    np.testing.assert_array_equal(
        window_at(ids, 8, rows=2, window=4)[:, 1] % 20, [18, 19, 0, 1, 2]
    )


def counted(train, valid, classes, order):
    """Witten and Bell's interpolation, by dictionaries, one symbol at a time."""
    grams = Counter(
        train[i : i + n] for n in range(1, order + 1) for i in range(len(train) - n + 1)
    )
    total, kinds = Counter(), Counter()
    for gram, count in grams.items():
        total[gram[:-1]] += count
        kinds[gram[:-1]] += 1
    bits, text = np.zeros(order), train + valid
    for i in range(len(train), len(text)):
        p = 1 / classes
        for n in range(order):
            h = text[i - n : i]
            if total[h]:
                p = (grams[(*h, text[i])] + kinds[h] * p) / (total[h] + kinds[h])
            bits[n] -= log2(p) / len(valid)
    return bits


@pytest.mark.parametrize("classes", [2, 5, 30])
def test_floors_equal_counting_by_hand(classes):
    rng = np.random.default_rng(classes)
    text = np.minimum(rng.geometric(0.3, 600), classes) - 1
    bits = ngram_bits(text[:500], text[500:], vocabulary_size=classes, order=4)
    by_hand = counted(
        *(tuple(part.tolist()) for part in (text[:500], text[500:])), classes, 4
    )
    np.testing.assert_allclose(bits, by_hand, rtol=1e-12)


def test_floors_are_those_of_the_documentation():
    corpus = make_corpus(python_documentation(), window=64)
    size = len(corpus.vocabulary)
    bits = ngram_bits(corpus.train, corpus.valid, vocabulary_size=size, order=5)
    assert bits == sorted(bits, reverse=True)
    assert 4.5 < bits[0] < 4.8
    assert 2.4 < bits[2] < 2.6
    with pytest.raises(ValueError, match="order is 0"):
        ngram_bits(corpus.train, corpus.valid, vocabulary_size=size, order=0)
