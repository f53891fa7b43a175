"""What keeps a run whole: seals, claims, facts, sizes, Ctrl-C and terminals."""

import io
import signal
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur._app.checkpoint import Checkpoints, NotSaved
from recur._app.claim import Claim
from recur._app.facts import check_read
from recur._app.interrupt import deferred, ignore, install, is_command
from recur._app.record import compare, draw_curve
from recur._app.seal import facts_digest, is_whole, make_seal, state_digest
from recur._app.terminal import flush, give_up, say
from recur._capacity import available_bytes, check_array, check_bytes
from recur.tasks.digits import Digits
from recur.tasks.settings import Settings, check_settings
from recur.tasks.text import Text, TextSettings

STATE = {"w": jnp.arange(4.0), "key": jax.random.key(0)}


def test_a_digest_sees_every_bit_and_no_order_of_names():
    flipped = np.asarray(STATE["w"]).copy()
    flipped.view(np.uint32)[2] ^= 1
    assert state_digest(STATE) == state_digest(dict(reversed(STATE.items())))
    assert state_digest(STATE) != state_digest(STATE | {"w": jnp.asarray(flipped)})
    assert state_digest(STATE) != state_digest(STATE | {"w": jnp.zeros((2, 2))})
    assert facts_digest({"a": 1, "b": 2}) == facts_digest({"b": 2, "a": 1})
    assert facts_digest({"a": 1}) != facts_digest({"a": 1.5})


@pytest.mark.parametrize("name", ["step", "run", "state", "facts", "whole"])
def test_no_part_of_a_seal_can_be_changed(name):
    seal = make_seal(step=3, run="a", state=STATE, facts={})
    assert is_whole(seal)
    assert not is_whole(seal | {name: "other"})
    assert not is_whole({k: v for k, v in seal.items() if k != name})


def test_one_run_at_a_time_holds_a_directory(tmp_path):
    claim = Claim(tmp_path / "deep" / "out", argument="out", make=True)
    with pytest.raises(ValueError, match="another run is writing to"):
        Claim(claim.path, argument="out")
    assert claim.holds()
    claim.undo()
    assert not (tmp_path / "deep").exists()


def test_what_is_saved_is_refused_where_it_cannot_be(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises((NotSaved, OSError, ValueError)):
        Checkpoints(blocked / "checkpoints").save(1, STATE, {})


def test_numbers_that_no_run_can_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="seed: 4294967296 came; expected 0 to"):
        check_settings({"seed": 2**32}, Settings)
    with pytest.raises(ValueError, match="window: 0 came"):
        check_settings({"window": 0}, TextSettings)
    for facts in ([], None, {"step": 1}):
        with pytest.raises(ValueError, match="from another program"):
            check_read(facts, TextSettings, step=1, out=tmp_path)


def test_sizes_beyond_memory_are_refused_before_they_are_asked_for():
    assert available_bytes() > 0
    with pytest.raises(MemoryError, match="doc: the weights need"):
        check_bytes("doc", "the weights", 2**60)
    with pytest.raises(MemoryError, match=r"float32\[1000000, 10000000\]"):
        check_array("doc", (10**6, 10**7), jnp.float32)
    jax.eval_shape(lambda: check_array("doc", (10**6, 10**7), jnp.float32))
    sizes = (Settings(hidden=n) for n in (8, 8000))
    small, large = (s.least_bytes(inputs=60, outputs=60) for s in sizes)
    assert small < large


def test_an_interrupt_waits_until_a_block_has_ended():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("stopped"))
    try:
        install()  # Someone else's handler stays.
        ignore()
        with deferred():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            assert not seen
        assert seen == ["stopped"]
    finally:
        signal.signal(signal.SIGINT, before)
    assert not is_command()


def test_a_host_may_give_itself_more_arguments(monkeypatch):
    monkeypatch.setattr("sys.argv", ["host"] * (1 + len(sys.orig_argv)))
    assert not is_command()


def test_printing_ends_no_run(monkeypatch, tmp_path):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    say("naïve")
    flush()
    assert raw.getvalue() == b"na\\xefve\n"
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    say("nobody listens")
    with (tmp_path / "out").open("w") as stream:
        give_up(stream)
        stream.write("nowhere")
    assert (tmp_path / "out").read_text() == ""


def test_a_record_has_its_baselines_and_a_picture(tmp_path):
    path = tmp_path / "text"
    path.write_text("ab" * 400)
    bits = Text(TextSettings(text=str(path))).baselines()
    assert bits["unigram"] == pytest.approx(1.0, abs=1e-2)
    assert compare(0.5, bits, higher=False) == "better than unigram"
    assert compare(0.5, {"a": 0.1, "b": 0.4}, higher=True) == "better than b"
    history = [[1, 5.0, 4.0], [2, 3.0, 3.5]]
    for kind in (Text, Digits):  # One panel, and two.
        assert draw_curve(history, bits, kind, "t")[1:4] == b"PNG"
