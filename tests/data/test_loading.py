"""Batches, files, vocabularies: what is read, in which order, and what is refused."""

import gzip

import numpy as np
import pytest

from recur.data.files import data_file, data_files, read_lines, wrong_format
from recur.data.loading import Batches, bucketed_batches, shuffled_batches
from recur.data.vocabulary import Vocabulary
from recur.data.words import words


def epoch(batches: Batches, count, n):
    return np.concatenate([batches[n * count + i] for i in range(count)])


def test_each_epoch_has_every_example_once_in_another_order():
    batches = shuffled_batches(10, size=3, seed=4)
    whole = shuffled_batches(12, size=3, seed=4)
    for n in range(3):
        assert sorted(epoch(whole, 4, n)) == list(range(12))
    assert list(epoch(whole, 4, 0)) != list(epoch(whole, 4, 1))
    assert len(set(epoch(batches, 3, 0))) == 9
    later = np.concatenate([epoch(batches, 3, n) for n in range(9)])
    assert set(later) == set(range(10))  # What is left over comes in other epochs.
    np.testing.assert_array_equal(batches[7], shuffled_batches(10, size=3, seed=4)[7])
    assert list(batches[0]) != list(shuffled_batches(10, size=3, seed=5)[0])


def test_a_bucket_has_neighbours_in_the_order_of_lengths():
    lengths = np.random.default_rng(0).integers(1, 50, 400)
    batches = bucketed_batches(lengths, size=5)
    count = 400 // 5
    assert sorted(epoch(batches, count, 1)) == list(range(400))
    spans = [np.ptp(lengths[batches[n]]) for n in range(count)]
    assert np.mean(spans) < np.ptp(lengths) / 6
    firsts = [lengths[batches[n]].mean() for n in range(count)]
    assert firsts != sorted(firsts)


def test_files_are_found_in_the_folder_of_all_or_of_one(tmp_path):
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "B.txt").write_text("two\n")
    (folder / "A.txt").write_text("eins\nzwei")
    (folder / "c.gz").write_bytes(gzip.compress("drü".encode()))
    for place in (tmp_path, folder):
        assert [p.name for p in data_files(place, "names", "*.txt")] == [
            "A.txt",
            "B.txt",
        ]
    assert read_lines(data_file(tmp_path, "names", "A*")) == ["eins", "zwei"]
    assert read_lines(folder / "c.gz") == ["drü"]
    (folder / "bad.gz").write_bytes(b"no gzip")
    (folder / "bad.txt").write_bytes(b"\xff")
    for name in ("bad.gz", "bad.txt"):
        with pytest.raises(ValueError, match=r"data: .*is not what it should be"):
            read_lines(folder / name)
    assert "expected a" in str(wrong_format(folder, "a", "why"))


def test_a_vocabulary_goes_there_and_back(tmp_path):
    texts = [words("Der Hund bellt."), words("der hund, der HUND")]
    known = Vocabulary.of(texts, unknown="<unk>", special=("<end>",), least=2)
    assert known.symbols == ("<end>", "<unk>", "der", "hund")
    numbers = known.encode(words("der Hund schläft"))
    assert known.decode(numbers) == ["der", "hund", "<unk>"]
    known.save(tmp_path / "words.json")
    assert Vocabulary.load(tmp_path / "words.json") == known
    strict = Vocabulary(("a", "b"))
    np.testing.assert_array_equal(strict.encode("abba"), [0, 1, 1, 0])
    for text, message in (("abc", r"say: \['c'\] are unknown"), ("", "say: it is emp")):
        with pytest.raises(ValueError, match=message):
            strict.encode(text, name="say")


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match="size is 9; expected 3 at most"):
        shuffled_batches(3, size=9)
    with pytest.raises(ValueError, match="size is 9; expected 3 at most"):
        bucketed_batches(np.ones(3), size=9)
    with pytest.raises(ValueError, match=r"symbols has \['a'\] more than once"):
        Vocabulary(("a", "b", "a"))
    with pytest.raises(ValueError, match="unknown is 'x'; expected one"):
        Vocabulary(("a",), "x")
    for text in ("", "[]", '{"symbols": [1], "unknown": null}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match="holds no vocabulary"):
            Vocabulary.load(tmp_path / "bad.json")
