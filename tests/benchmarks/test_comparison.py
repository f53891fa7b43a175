"""``compare``: a change of a fifth is found, noise and drift are not taken for one."""

from dataclasses import replace

import pytest

from benchmarks.commands.front import main
from benchmarks.report.comparison import changes
from tests.benchmarks.records import CASE, row, run


def compared(tmp_path, before, after, *options):
    """Exit status of the command on two records."""
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, record in zip(files, (before, after), strict=True):
        record.save(file)
    return main(["compare", *map(str, files), *options])


def test_a_fifth_slower_is_found(tmp_path, capsys):
    status = compared(tmp_path, run(row("recur", 0.010)), run(row("recur", 0.012)))
    assert status == 1
    line = capsys.readouterr().out.splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[3:] == ["10 ±2%", "12 ±2%", "1.20", "1.15-1.25", "1.00", "**slower**"]


def test_a_fifth_faster_passes(tmp_path, capsys):
    assert compared(tmp_path, run(row("recur", 0.012)), run(row("recur", 0.010))) == 0
    assert "**faster**" in capsys.readouterr().out


def test_noise_is_ignored(tmp_path):
    before = run(row("recur", 0.010, noise=0.15))
    assert compared(tmp_path, before, run(row("recur", 0.012, noise=0.15))) == 0


def test_a_change_below_the_threshold_passes(tmp_path):
    before, after = run(row("recur", 0.010)), run(row("recur", 0.0107))
    assert compared(tmp_path, before, after) == 0
    assert compared(tmp_path, before, after, "--threshold", "0.05") == 1


def test_a_slower_machine_is_drift(tmp_path, capsys):
    before = run(row("recur", 0.010), row("flax", 0.020), row("torch", 0.005))
    after = run(row("recur", 0.012), row("flax", 0.024), row("torch", 0.006))
    assert compared(tmp_path, before, after) == 0
    assert "slower" not in capsys.readouterr().out


def test_our_own_plain_scan_is_no_measure_of_drift():
    before = run(row("recur", 0.010), row("plain", 0.010))
    after = run(row("recur", 0.012), row("plain", 0.012))
    assert {c.verdict(0.1) for c in changes(before, after)} == {"slower"}


def test_a_slower_peer_is_shown_and_does_not_fail(tmp_path, capsys):
    before = run(row("recur", 0.010), row("flax", 0.010))
    after = run(row("recur", 0.010), row("flax", 0.012))
    assert compared(tmp_path, before, after) == 0
    assert "**slower**" in capsys.readouterr().out


def test_more_temporaries_are_found(tmp_path, capsys):
    case = replace(CASE, measure="memory")
    before, after = (
        run(row("recur", size, noise=0, case=case, unit="B")) for size in (1e6, 2e6)
    )
    assert compared(tmp_path, before, after) == 1
    assert "**larger**" in capsys.readouterr().out


def test_what_else_differs_is_told(tmp_path, capsys):
    before, after = run(row("recur", 0.01), row("flax", 0.01)), run(row("recur", 0.01))
    after.environment["processor"] = "Another"
    after.environment["versions"] = {"jax": "2.0"}
    compared(tmp_path, before, after)
    out = capsys.readouterr().out
    assert "- processor: Planted before, Another after" in out
    assert "- jax: 1.0 before, 2.0 after" in out
    assert "no longer measured: flax lstm forward 2,3,4,5" in out


@pytest.mark.parametrize("threshold", ["-1", "inf", "nan"])
def test_a_threshold_that_is_none_is_refused(tmp_path, threshold, capsys):
    records = run(row("recur", 0.01)), run(row("recur", 0.01))
    assert compared(tmp_path, *records, f"--threshold={threshold}") == 2
    assert "--threshold:" in capsys.readouterr().err


def test_records_without_a_common_row_are_refused(tmp_path, capsys):
    assert compared(tmp_path, run(row("recur", 0.01)), run(row("flax", 0.01))) == 2
    assert "no measurement in common" in capsys.readouterr().err
