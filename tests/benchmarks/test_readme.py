"""``table`` and ``plot``: what is written from a record."""

import pytest

from benchmarks.commands.front import main
from benchmarks.report.readme import END, START
from tests.benchmarks.records import row, run


@pytest.fixture
def record(tmp_path):
    file = tmp_path / "cpu.json"
    skipped = {"status": "skipped", "value": None, "reason": "no gradients"}
    run(row("recur", 0.02), row("flax", 0.01), row("keras", 0, **skipped)).save(file)
    return file


@pytest.fixture
def readme(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(f"# Before\n\n{START}\nOUTDATED\n{END}\n\nAfter.\n")
    return file


def test_the_table_goes_between_the_markers_losing_rows_included(record, readme):
    assert main(["table", str(record), "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\nAfter.\n")
    assert "OUTDATED" not in text
    assert "20 ±2% | **10 ±2%** | skipped |" in " ".join(text.split())
    assert "keras: no gradients" in text


def test_writing_twice_changes_nothing(record, readme):
    command = ["table", str(record), "--readme", str(readme)]
    assert main([*command, "--check"]) == 1
    main(command)
    once = readme.read_text()
    main(command)
    assert readme.read_text() == once
    assert main([*command, "--check"]) == 0


def test_a_readme_without_markers_is_refused(record, tmp_path, capsys):
    other = tmp_path / "OTHER.md"
    other.write_text("nothing")
    assert main(["table", str(record), "--readme", str(other)]) == 2
    assert "has no place for the table" in capsys.readouterr().err
    assert other.read_text() == "nothing"


def test_plots_are_written(record, tmp_path, capsys):
    folder = tmp_path / "plots"
    assert main(["plot", str(record), "--output", str(folder)]) == 0
    (file,) = folder.iterdir()
    assert file.name == "sequence-lstm.png"
    assert file.read_bytes().startswith(b"\x89PNG")
    assert str(file) in capsys.readouterr().out


def test_a_record_without_measurements_has_no_plot(tmp_path, capsys):
    run().save(tmp_path / "none.json")
    assert main(["plot", str(tmp_path / "none.json")]) == 2
    assert "no measurements" in capsys.readouterr().err
