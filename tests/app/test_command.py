"""``python -m recur``: it learns, resumes exactly, and refuses in one sentence."""

import os
import signal
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur.__main__ import main
from recur._app.checkpoint import Checkpoints
from recur._app.parser import make_parser, number
from recur._app.run import Run
from recur.tasks.catalogue import CLASSES
from recur.tasks.text import Text, TextSettings
from recur.training.train_step import make_train_step

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


def state_of(out, text):
    """Reads a checkpoint; the state's structure is that of a run of no steps."""
    task = Text(TextSettings(hidden=16, batch=4, window=16, text=text))
    init, _ = make_train_step(task.loss, task.make_optimizer())
    params = task.init(jax.random.key(0))
    state = {"now": init(params, task.init_carry()), "best": params}
    return Checkpoints(out / "checkpoints").state({**state, "measure": jnp.float32(0)})


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
    assert "better than" in printed


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
    states = [state_of(out, text) for out in (whole, broken)]
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
    assert_identical(*(state_of(out, text) for out in (one, two)))
    capsys.readouterr()
    assert main(["--resume", str(two), "--sample", "30", "--prompt", "7 times"]) == 0
    assert "\n7 times" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(text, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Text, "batch", interrupt)
    assert main(["--text", text, *SMALL, "--out", str(tmp_path / "out")]) == 130
    assert "--resume" in capsys.readouterr().err


def refused(capsys, arguments):
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse leaves this way.
        status = stop.code
    assert status == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("python -m recur")
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
    assert "is not what the run was begun with" in message
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
def test_what_was_trained_is_used(text, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "there is no run of text" in refused(capsys, ["text", "--say", "7"])
    assert main(["--text", text, *SMALL, "--steps", "2"]) == 0
    capsys.readouterr()
    assert main(["text", "--say", "12 times", "--sample", "9"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("12 times")
    assert len(said) == len("12 times") + 9 + 1
    (out,) = (tmp_path / "runs").iterdir()
    assert "say: the characters ['€']" in refused(capsys, ["text", "--say", "€"])
    message = refused(capsys, ["names", "--resume", str(out)])
    assert "is of text; expected one of names" in message
    untrained = ["--text", text, *SMALL, "--steps", "0", "--out", str(tmp_path / "o")]
    assert main(untrained) == 0
    assert "sample  at temperature" in capsys.readouterr().out


def test_the_list_has_all_applications(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["task", *CLASSES]
    assert "did you mean names?" in refused(capsys, ["nams"]).lower()


def test_data_that_is_not_there_is_refused(capsys, tmp_path, monkeypatch):
    assert "has no names/" in refused(capsys, ["names", "--data", str(tmp_path)])
    monkeypatch.setenv("RECUR_DATA", str(tmp_path / "nowhere"))
    assert "has no splice/splice.csv" in refused(capsys, ["dna"])


@pytest.mark.slow
def test_an_empty_variable_names_no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("RECUR_DATA", "")
    run = ["dna", "--hidden", "4", "--steps", "0", "--out", str(tmp_path / "out")]
    assert main(run) == 0


def test_what_needs_an_extra_says_which(capsys, monkeypatch):
    monkeypatch.delenv("RECUR_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert "expected the extra 'tasks'" in refused(capsys, ["digits"])


def test_run_is_what_the_command_keeps():
    assert callable(Run.train)
    assert vars(make_parser(Text).parse_args(["--steps", "3"]))["steps"] == 3
    assert number(int, 1)("3") == 3
