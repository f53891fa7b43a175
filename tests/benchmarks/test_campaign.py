"""A run: whoever is wrong, missing or broken is named, and nothing measured is lost."""

import json
from dataclasses import replace

import jsonschema
import pytest

from benchmarks.peers import catalogue
from benchmarks.peers.plain_scan import PlainScan
from benchmarks.report.page import page, summary
from benchmarks.report.record import Run, load, schema
from benchmarks.running import trial
from benchmarks.running.campaign import run_campaign
from tests.benchmarks import records
from tests.benchmarks.conftest import (
    Broken,
    WrongGradients,
    WrongOutputs,
    with_training,
)

pytestmark = pytest.mark.usefixtures("ceiling")


def forget(run):
    """A keeper that keeps nothing."""


def statuses(run, peer):
    return {row.case.task: row.status for row in run.rows if row.peer == peer}


def test_a_peer_that_agrees_is_measured(options):
    run = run_campaign(with_training(options), forget)
    assert statuses(run, "recur") == {"forward": "measured", "training": "measured"}
    assert statuses(run, "plain") == {"forward": "measured", "training": "measured"}
    for row in run.rows:
        assert row.value.low <= row.value.median <= row.value.high
        assert set(row.stages) == {"trace", "lower", "compile", "first"}
        assert row.fraction > 0
        assert row.loop_ops


def test_wrong_outputs_are_reported_and_not_timed(options, plant):
    plant(plain=WrongOutputs())
    run = run_campaign(options, forget)
    assert statuses(run, "plain") == {"forward": "differs"}
    (row,) = [row for row in run.rows if row.peer == "plain"]
    assert row.value is None
    assert "differs by" in row.reason
    assert "plain: differs: " in summary(run)


def test_wrong_gradients_are_reported_and_not_timed(options, plant):
    plant(plain=WrongGradients())
    run = run_campaign(with_training(options), forget)
    assert statuses(run, "plain") == {"forward": "measured", "training": "differs"}
    (row,) = [row for row in run.rows if row.status == "differs"]
    assert row.reason.startswith("gradient of params")


def test_a_peer_that_raises_spares_the_others(options, plant):
    plant(plain=Broken())
    run = run_campaign(options, forget)
    assert set(statuses(run, "plain").values()) == {"failed"}
    assert set(statuses(run, "recur").values()) == {"measured"}
    reasons = {row.reason for row in run.rows if row.peer == "plain"}
    assert reasons == {"RuntimeError: no kernel in [path]"}


def test_a_peer_that_raises_when_timed_spares_the_others(options, plant):
    class Tires(PlainScan):
        def prepare(self, case, data, device):
            def call():
                raise RuntimeError("out of memory")

            return replace(super().prepare(case, data, device), call=call)

    plant(plain=Tires())
    run = run_campaign(options, forget)
    (row,) = [row for row in run.rows if row.peer == "plain"]
    assert (row.status, row.reason) == ("failed", "RuntimeError: out of memory")
    assert set(statuses(run, "recur").values()) == {"measured"}


def test_a_peer_that_lacks_a_cell_says_why(options, plant):
    class NoElman(PlainScan):
        cells = {**PlainScan.cells, "elman": "it has no Elman cell"}  # noqa: RUF012

    plant(plain=NoElman())
    run = run_campaign(options, forget)
    assert set(statuses(run, "plain").values()) == {"skipped"}
    assert "plain: skipped: it has no Elman cell" in summary(run)


def test_a_missing_peer_is_named_with_the_reason(options, monkeypatch):
    entry = catalogue.Entry("none", ("no-such-distribution",), "planted")
    monkeypatch.setitem(catalogue.CATALOGUE, "missing", entry)
    run = run_campaign(replace(options, against=("missing",)), forget)
    reason = "not installed; pip install no-such-distribution"
    assert run.absent == [{"name": "missing", "reason": reason}]
    assert f"missing: skipped: {reason}" in summary(run)


def test_a_missing_backend_is_named_with_the_reason(options):
    run = run_campaign(replace(options, backends=("tpu", "cpu")), forget)
    assert [a["name"] for a in run.absent] == ["tpu"]
    assert run.absent[0]["reason"]
    assert {row.backend for row in run.rows} == {"cpu"}


def test_an_interruption_keeps_what_was_measured(options, monkeypatch, tmp_path):
    cases = []

    def stop_in_the_second_case(turns, budget, samples, drop):
        cases.append(samples)
        names = list(turns)
        samples[names[0]] = [turns[names[0]]()]
        if len(cases) == 2:
            raise KeyboardInterrupt
        samples[names[1]] = [turns[names[1]]()]

    monkeypatch.setattr(trial, "take_turns", stop_in_the_second_case)
    file = tmp_path / "run.json"
    run_campaign(with_training(options), lambda run: run.save(file))
    run = load(file)
    assert run.interrupted
    found = [(row.case.task, row.peer) for row in run.rows]
    assert found == [("forward", "recur"), ("forward", "plain"), ("training", "recur")]
    assert "Stopped before its end" in summary(run)


def test_an_interruption_before_anything_leaves_a_record(options, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "draw", stop)
    run = run_campaign(options, forget)
    assert run.interrupted
    assert summary(run) == "Nothing was measured."


def test_the_record_holds_to_its_schema(options, tmp_path):
    file = tmp_path / "run.json"
    run = run_campaign(options, lambda run: run.save(file))
    content = json.loads(file.read_text())
    jsonschema.validate(content, schema())
    assert load(file) == run
    assert page(load(file)) == page(run)
    assert str(tmp_path) not in file.read_text()


def test_a_record_that_breaks_the_schema_is_refused(tmp_path):
    file = tmp_path / "run.json"
    records.run(records.row("recur", 0.01)).save(file)
    content = json.loads(file.read_text())
    del content["rows"][0]["peer"]
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="'peer' is a required property"):
        load(file)


def test_every_field_of_the_schema_is_there_and_no_other():
    fields = schema()["properties"]
    assert set(fields) == {"schema", *Run.__dataclass_fields__}


@pytest.mark.parametrize("suite", ["compile", "memory-sqrt", "latency", "decode"])
def test_the_other_suites_measure(options, suite):
    run = run_campaign(replace(options, suites=(suite,)), forget)
    assert statuses(run, "recur").popitem()[1] == "measured"
    measured = {row.unit for row in run.rows if row.value}
    assert measured == {"B" if "memory" in suite else "s"}


@pytest.mark.parametrize("suite", ["stacked", "ragged"])
def test_layers_and_directions_agree(options, suite):
    run = run_campaign(replace(options, suites=(suite,)), forget)
    assert {row.status for row in run.rows} == {"measured"}
