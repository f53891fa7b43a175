"""The table of cures: its tasks, its truncation, and the command that makes it."""

import gzip
import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.commands.front import main
from benchmarks.measure.cure import Budget, Outcome, try_cure
from benchmarks.report.cures import load_outcomes, score_cell
from benchmarks.workload.cures import CURES, cuts, truncated
from benchmarks.workload.digits import FILES, Digits
from benchmarks.workload.lag_tasks import Adding, Copying
from recur import GRU, unroll
from recur.diagnostics import carry_gradient_norms
from tests.support.interpreter import interpreted

SMALL = ["--lengths", "6", "--steps=2", "--seeds=2", "--hidden=3"]
KEY = jax.random.key(0)


def drawn(task, rows, data=None, *, test=False):
    return jax.jit(lambda key: task.draw(data, key, rows, test=test))(KEY)


def test_the_sum_is_that_of_the_marked_numbers():
    xs, sums = drawn(Adding(9), 50)
    numbers, marks = np.asarray(xs[..., 0]), np.asarray(xs[..., 1])
    assert (marks[:4].sum(0) == 1).all()
    assert (marks[4:].sum(0) == 1).all()
    np.testing.assert_allclose(sums, (numbers * marks).sum(0), rtol=1e-6)
    _, many = drawn(Adding(9), 20_000)
    ones = jnp.ones((9, 20_000, 1))
    np.testing.assert_allclose(Adding(9).score(ones, many), Adding.floor, rtol=0.05)


def test_the_copy_is_what_was_shown():
    task = Copying(4, symbols=3)
    xs, labels = drawn(task, 5)
    words = np.asarray(xs.argmax(-1))
    assert (words[:3] == labels[-3:]).all()
    assert (words[3:6] == 8).all()
    assert (words[6] == 9).all()
    assert (words[7:] == 8).all()
    assert (labels[:7] == 8).all()
    # Certain of blanks, and no idea of symbols: what the floor says.
    blank = jax.nn.one_hot(labels[:7], 9) * 1e3
    guess = jnp.zeros((3, 5, 9)).at[..., 8].set(-1e3)
    score = task.score(jnp.concatenate([blank, guess]), labels)
    np.testing.assert_allclose(score, task.floor, rtol=1e-6)


@pytest.fixture
def digits(tmp_path):
    """A few pictures in the format of MNIST, each of one brightness."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    labels = np.arange(12, dtype=np.uint8) % 10
    pixels = np.broadcast_to(labels[:, None, None], (12, 28, 28))
    for images, names in FILES.values():
        for name, a in ((images, pixels), (names, labels)):
            head = bytes([0, 0, 8, a.ndim]) + np.array(a.shape, ">i4").tobytes()
            (folder / name).write_bytes(gzip.compress(head + a.tobytes()))
    return str(tmp_path)


def test_digits_are_read_row_by_row(digits):
    task = Digits(digits)
    xs, labels = drawn(task, 7, task.load(), test=True)
    assert xs.shape == (28, 7, 28)
    np.testing.assert_allclose(xs[3, :, 5] * 255, labels, rtol=1e-6)
    right = jnp.zeros((28, 7, 10)).at[-1, jnp.arange(7), labels].set(1)
    assert task.score(right, labels) == 0
    assert task.score(-right, labels) == 1


def test_truncation_cuts_the_gradient_and_nothing_else():
    cell = GRU(3)
    params, xs = cell.init(KEY, 2), jnp.ones((6, 2, 2))
    carry, step = cell.init_carry((2,)), truncated(cell.step)
    marked = params, cuts(6, 3)
    found = interpreted(partial(unroll, step))(marked, carry, xs)[1]
    plain = interpreted(partial(unroll, cell))(params, carry, xs)[1]
    np.testing.assert_allclose(found, plain, rtol=1e-6)
    measure = partial(carry_gradient_norms, step, lambda ys: ys[-1])
    norms = interpreted(measure)(marked, carry, xs)
    assert norms[5].all()
    assert not norms[:5].any()


@pytest.mark.slow
def test_learning_beats_no_memory():
    task, budget = Adding(4), Budget(steps=150, seeds=1, hidden=16)
    found = try_cure(task, "LSTM, truncated", budget, None)
    assert found.scores[0] < 0.6 * task.floor
    assert np.isfinite(found.reach).all()


@pytest.mark.slow
def test_the_command_goes_on_from_its_record(tmp_path, capsys, monkeypatch, digits):
    file = tmp_path / "new" / "cures.json"
    command = ["gradients", "--cures=IRNN, SGD, norm 1", f"--output={file}", *SMALL]
    assert main([*command, "--tasks=adding"]) == 0
    first = load_outcomes(file)
    assert [row.cure for row in first] == ["IRNN, SGD, norm 1"]
    assert main([*command, "--tasks=adding,mnist", f"--data={digits}"]) == 0
    both = load_outcomes(file)
    assert both[:1] == first
    assert [row.task for row in both[1:]] == ["mnist"]
    monkeypatch.delenv("RECUR_DATA", raising=False)
    assert main(["gradients", "--tasks=mnist", f"--output={tmp_path / 'no.json'}"]) == 0
    out = capsys.readouterr().out
    assert "skipped: mnist: no folder" in out
    assert "| clipping by norm" in file.with_suffix(".md").read_text()


def test_an_interrupted_run_says_what_it_keeps(tmp_path, capsys, monkeypatch):
    file = tmp_path / "cures.json"
    sizes = {"steps": 2, "seeds": 1, "batch": 1, "hidden": 3}
    facts = {"task": "adding", "length": 6, "budget": sizes, "floor": 1.0}
    ends = {"solved": 0.1, "scores": (0.5,), "reach": (1.0,), "reach_after": (1.0,)}

    def one_row_then_interrupt(task, name, budget, data):
        if file.exists():
            raise KeyboardInterrupt
        return Outcome(**facts, **ends, cure=name, seconds=1.0)

    monkeypatch.setattr("benchmarks.commands.curing.try_cure", one_row_then_interrupt)
    command = ["gradients", "--tasks=adding", f"--output={file}", *SMALL]
    assert main(command) == 130
    assert "1 rows are kept in" in capsys.readouterr().err
    assert len(load_outcomes(file)) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tasks=sorting"], "--tasks: 'sorting' is not known; expected adding"),
        (["--cures=hope"], "--cures: 'hope' is not known; expected some of tanh"),
        (["--steps=0"], "gradients: steps are 0"),
        (["--lengths", "1"], "gradients: steps are 1000"),
    ],
)
def test_a_bad_argument_is_told_in_a_sentence(arguments, reason, tmp_path, capsys):
    file = tmp_path / "a.json"
    assert main(["gradients", f"--output={file}", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"benchmarks: {reason}")
    assert not file.exists()


def test_a_file_that_is_no_record_is_refused(tmp_path, capsys):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"rows": []}))
    assert main(["gradients", f"--output={file}"]) == 2
    assert "holds no record of cures" in capsys.readouterr().err


def test_seeds_that_are_lost_are_counted():
    facts = {"task": "adding", "length": 9, "cure": "GRU", "budget": {}, "floor": 1.0}
    ends = {"solved": 0.1, "reach": (1.0,), "reach_after": (1.0,), "seconds": 1.0}
    row = Outcome(**facts, **ends, scores=(float("nan"), 0.05, 0.5))
    assert score_cell(row) == "0.28 (0.05 to 0.5) [1/3] lost 1/3"
    assert score_cell(Outcome(**facts, **ends, scores=(float("nan"),))) == "lost 1/1"


def test_every_idea_has_a_row():
    ideas = " ".join(cure.of for cure in CURES.values())
    for idea in ("identity", "activation", "gates", "forget bias", "norm", "value"):
        assert idea in ideas
