"""The command that times linear recurrences writes its table."""

import pytest

from benchmarks.commands.front import main


@pytest.mark.slow
def test_both_ways_are_timed_after_they_were_seen_to_agree(tmp_path, capsys):
    page = tmp_path / "linear.md"
    command = ["linear", "--short", "--seconds", "0.05", "--output", str(page)]
    assert main(command) == 0
    rows = [row for row in page.read_text().splitlines() if row.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == [
        "cell", "EMA", "EMA", "DeltaNet", "DeltaNet",
    ]  # fmt: skip
    assert "times as fast" in capsys.readouterr().out
