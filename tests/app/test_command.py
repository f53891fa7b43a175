"""``python -m recur``: it learns, resumes exactly, and refuses in one sentence."""

import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from recur.__main__ import main
from recur._app.checkpoint import Checkpoints
from recur._app.run import Run
from recur.tasks.language_model import (
    Settings,
    TrainState,
    evaluate,
    loss_fn,
    make_model,
    make_optimizer,
    make_state,
    train_step,
)

TEXT = "".join(f"{n} times {n} is {n * n}.\n" for n in range(400))
SMALL = ["--hidden", "16", "--batch", "4", "--window", "16", "--sample", "20"]


@pytest.fixture(autouse=True)
def _optax_promotes():
    """Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def text(tmp_path):
    """A file of about 8,000 characters."""
    path = tmp_path / "text"
    path.write_text(TEXT)
    return str(path)


def state_of(out, settings, classes):
    return Checkpoints(out / "checkpoints").state(make_state(settings, classes))


def assert_identical(one, other):
    raw = lambda a: (
        jax.random.key_data(a)
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key)
        else a
    )
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(raw(a), raw(b)), one, other)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_it_learns_and_shows_it(cell, text, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["--text", text, "--cell", cell, "--out", str(out), "--steps", "200"]
    assert main([*command, *SMALL, "--layers", "2"]) == 0
    printed = capsys.readouterr().out
    for word in (
        "floors  unigram",
        "validation",
        "result",
        "sample",
        f"model   {cell}, 2 x 16",
    ):
        assert word in printed
    history = Checkpoints(out / "checkpoints").facts()["history"]
    assert [step for step, *_ in history] == [100, 200]
    assert history[-1][2] < history[0][2] < np.log2(len(set(TEXT)))
    assert (out / "loss.png").stat().st_size > 5_000
    assert "below the" in printed
    assert (
        "unigram floor" in printed
        or "bigram floor" in printed
        or "gram floor" in printed
    )


@pytest.mark.slow
@pytest.mark.usefixtures("quick_processes")
def test_killed_at_any_instant_it_ends_with_the_same_bits(text, tmp_path):
    command = [sys.executable, "-m", "recur"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = ["--text", text, *SMALL, "--steps", "600"]
    subprocess.run([*command, *run, "--out", whole], check=True, capture_output=True)
    start = [*run, "--out", str(broken)]
    for seen in (100, 300):
        kill_when(broken / "checkpoints" / str(seen), [*command, *start])
        start = ["--resume", str(broken)]
    subprocess.run([*command, *start], check=True, capture_output=True)
    settings, classes = Settings(hidden=16, batch=4, window=16), len(set(TEXT))
    states = [state_of(out, settings, classes) for out in (whole, broken)]
    assert_identical(*states)
    facts = [Checkpoints(out / "checkpoints").facts() for out in (whole, broken)]
    assert facts[0] == facts[1]


def kill_when(path, command):
    """Starts a command and kills it at the moment ``path`` or its draft is there."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = time.monotonic() + 120
    while not list(path.parent.glob(path.name + "*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_more_steps_continue_a_finished_run(text, tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(["--text", text, *SMALL, "--steps", "200", "--out", str(one)]) == 0
    assert main(["--text", text, *SMALL, "--steps", "100", "--out", str(two)]) == 0
    assert main(["--resume", str(two), "--steps", "200"]) == 0
    settings, classes = Settings(hidden=16, batch=4, window=16), len(set(TEXT))
    assert_identical(*(state_of(out, settings, classes) for out in (one, two)))
    capsys.readouterr()
    assert main(["--resume", str(two), "--sample", "30", "--prompt", "7 times"]) == 0
    assert "\n7 times" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(text, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("recur.tasks.language_model.train_step", interrupt)
    assert main(["--text", text, *SMALL, "--out", str(tmp_path / "out")]) == 130
    assert "--resume" in capsys.readouterr().err


def refused(capsys, arguments):
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse leaves this way.
        status = stop.code
    assert status == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("python -m recur: ")
    return message


@pytest.mark.slow
def test_bad_input(capsys, tmp_path, text):
    out = ["--out", str(tmp_path / "out")]
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xff" * 9000)
    short = tmp_path / "short"
    short.write_text("short")
    for words, arguments in {
        "--cell: invalid choice: 'rnn' (choose from": ["--cell", "rnn"],
        "--layers: 0 came; expected 1 or more": ["--layers", "0"],
        "--steps: invalid": ["--steps", "many"],
        "--temperature: -1 came; expected 0 or more": ["--temperature", "-1"],
        "--backend: invalid choice: 'npu' (choose from": ["--backend", "npu"],
        "backend: 'tpu' is not available": ["--backend", "tpu"],
        "cannot be read (No such file": ["--text", str(tmp_path / "none"), *out],
        "is not UTF-8 (byte 0)": ["--text", str(latin), *out],
        "5 characters came; expected at least 650": ["--text", str(short), *out],
        "['€'] are not in the vocabulary": ["--text", text, "--prompt", "€", *out],
        "prompt: it is empty": ["--text", text, "--prompt", "", *out],
        "resume: ": ["--resume", str(tmp_path / "none")],
        "out: it came with resume": ["--resume", str(tmp_path), *out],
        "cannot be written": ["--text", text, "--out", "/proc/recur"],
    }.items():
        assert words in refused(capsys, arguments)
    assert not (tmp_path / "out" / "checkpoints" / "1").exists()


@pytest.mark.slow
# Orbax leaves reads of a damaged checkpoint behind, which end after its event loop.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_checkpoints_that_do_not_fit(capsys, tmp_path, text):
    out = tmp_path / "out"
    assert main(["--text", text, *SMALL, "--steps", "200", "--out", str(out)]) == 0
    assert "already holds a run" in refused(capsys, ["--text", text, "--out", str(out)])
    assert "hidden: 8 came; expected 16" in refused(
        capsys, ["--resume", str(out), "--hidden", "8"]
    )
    other = tmp_path / "other"
    other.write_text(TEXT[1:])
    message = refused(capsys, ["--resume", str(out), "--text", str(other)])
    assert "is not the text" in message
    checkpoints = out / "checkpoints"
    assert sorted(p.name for p in checkpoints.iterdir()) == ["100", "200"]
    for path in (checkpoints / "200").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:-20])
    assert "is damaged or from another" in refused(capsys, ["--resume", str(out)])
    assert sorted(p.name for p in checkpoints.iterdir()) == ["100", "200"]
    foreign = Checkpoints(tmp_path / "foreign" / "checkpoints")
    foreign.save(1, {"w": np.ones(2)}, facts={"who": "somebody else"})
    message = refused(capsys, ["--resume", str(tmp_path / "foreign")])
    assert "from another program" in message


@pytest.mark.slow
def test_the_carry_is_handed_on_and_its_gradient_is_not():
    settings, ids = Settings(hidden=8, batch=2, window=4), np.arange(40) % 5
    state = make_state(settings, 5)
    assert isinstance(state, TrainState)
    model, params = make_model(settings, 5), state.params
    carry = model.init_carry((2,))
    window = ids[np.array([[0, 20], [1, 21], [2, 22], [3, 23], [4, 24]])]
    (loss, expected), grads = jax.value_and_grad(loss_fn, has_aux=True)(
        params, carry, window, model=model
    )
    updates, _ = make_optimizer(settings).update(grads, state.opt_state, params)
    moved = jax.tree.map(lambda p, u: p + u, params, updates)
    after, first = train_step(state, ids, settings=settings, classes=5)
    np.testing.assert_allclose(first, loss, rtol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), after.carry, expected
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), after.params, moved
    )
    assert after.position == 4


@pytest.mark.slow
def test_evaluation_reads_all_of_the_text_once():
    settings, ids = Settings(hidden=8, batch=2, window=4), np.arange(42) ** 2 % 5
    params = make_state(settings, 5).params
    model = make_model(settings, 5)
    rows = np.stack([ids[:21], ids[21:]], axis=1)
    expected, _ = loss_fn(params, model.init_carry((2,)), rows, model=model)
    np.testing.assert_allclose(
        evaluate(params, ids, settings=settings, classes=5), expected, rtol=1e-6
    )


def test_run_is_what_the_command_keeps():
    assert callable(Run.train)
