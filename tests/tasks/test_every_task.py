"""Every application by its command: trained, resumed, shown, used, and refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur.__main__ import main
from recur._app.checkpoint import Checkpoints
from recur.tasks.catalogue import CLASSES, find, listing
from recur.tasks.task import Card, Shown, Task, digest_of, in_batches

SMALL = {
    "text": ["--window", "8", "--sample", "5"],
    "reviews": ["--embedding", "4"],
    "names": ["--embedding", "4"],
    "dna": ["--embedding", "4"],
    "digits": [],
    "speech": [],
    "dictation": [],
    "music": ["--window", "16"],
    "translate": ["--embedding", "4", "--beams", "2"],
    "captions": ["--embedding", "4", "--beams", "2"],
    "forecast": [],
    "adding": ["--length", "8"],
    "copy": ["--delay", "3"],
    "rain": [],
    "agent": ["--window", "8", "--epochs", "1"],
}
SAID = {
    "text": ("The ", "€"),
    "reviews": ("the food was great", "qqq"),
    "names": ("Rossi", "Ʊ"),
    "dna": ("ACGT" * 15, "xyz"),
    "music": ("C4 E4 G4, D4", "H9"),
    "translate": ("one hundred two", "qqq"),
    "adding": ("0.2 0.5* 0.9 0.1*", "a b"),
    "copy": ("abcdefghab", "xyz"),
    "rain": ("knee, dark", "snow"),
    "agent": ("3", "three"),
}
"""What can be said to them, and what not; others take files."""


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch):
    """Adam raises a float to an integer power, which strict promotion refuses."""
    monkeypatch.delenv("RECUR_DATA", raising=False)
    with jax.numpy_dtype_promotion("standard"):
        yield


def file_for(name, folder):
    """Writes a file that an application can be used on."""
    path = folder / "given"
    rng = np.random.default_rng(0)
    if name in ("digits", "captions"):
        import matplotlib.image

        matplotlib.image.imsave(folder / "given.png", rng.random((20, 30)))
        return str(folder / "given.png")
    values = rng.random((40, 1) if name == "forecast" else (30, 12))
    np.savetxt(path, values)
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSES)
def test_it_trains_shows_and_answers(name, tmp_path, capsys):
    out = tmp_path / "out"
    small = ["--hidden", "4", "--batch", "4", *SMALL[name]]
    assert main([name, *small, "--steps", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "floors" in printed
    assert "result" in printed
    told = json.loads((out / "figures.json").read_text())
    values = [*told["figures"].values(), *told["baselines"].values()]
    assert values
    (ended,) = told["history"]
    assert ended[0] == 2
    values += ended
    assert np.isfinite(values).all()
    pictures = sorted(p.name for p in out.glob("*.png"))
    assert "loss.png" in pictures
    assert len(pictures) > 1 or name == "text"
    good, bad = SAID.get(name, (None, str(tmp_path / "nowhere")))
    good = good or file_for(name, tmp_path)
    assert main([name, "--resume", str(out), "--say", good]) == 0
    assert capsys.readouterr().out
    assert main([name, "--resume", str(out), "--say", bad]) == 2
    assert "say: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_goes_on_ends_with_the_same_bits(tmp_path):
    run = ["rain", "--hidden", "4", "--batch", "4"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert main([*run, "--steps", "5", "--out", str(one)]) == 0
    assert main([*run, "--steps", "2", "--out", str(two)]) == 0
    assert main(["rain", "--resume", str(two), "--steps", "5"]) == 0
    kind = find("rain")
    task = kind(type(kind.defaults)(cell="gru", hidden=4, batch=4))
    params = task.init(jax.random.key(0))
    like = {"now": task.make_train_step().init(params), "best": params}
    like["measure"] = jnp.float32(0)
    states = [Checkpoints(out / "checkpoints").state(like) for out in (one, two)]
    jax.tree.map(np.testing.assert_array_equal, states[0]["now"], states[1]["now"])


def test_the_catalogue_is_complete():
    assert list(SMALL) == list(CLASSES)
    for name in CLASSES:
        kind = find(name)
        assert issubclass(kind, Task)
        assert kind.name == name
        assert isinstance(kind.card, Card)
        assert all(kind.card)
    assert listing().count("\n") == len(CLASSES)


def test_batches_are_filled_up_and_results_are_not():
    examples = np.arange(7.0)
    found = in_batches(lambda w, x: w * x, 3, examples, size=4)
    np.testing.assert_array_equal(found, 3 * examples)
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert Shown().pictures == {}
