"""``table`` and ``plot``: what is written from a record."""

import dataclasses

import pytest

from benchmarks.commands.front import main
from benchmarks.report.ratios import ratios
from benchmarks.report.readme import END, START
from benchmarks.workload.shape import Shape
from tests.benchmarks.records import CASE, row, run


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


def test_the_ratios_go_between_the_markers_losing_ones_included(record, readme):
    assert main(["table", str(record), "--readme", str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\nAfter.\n")
    assert "OUTDATED" not in text
    assert "| 0.50 (0.50 to 0.50) |" in " ".join(text.split())


def test_a_ratio_is_the_geometric_mean_over_shapes_of_the_fastest_peer():
    def measured(shape, **seconds):
        case = dataclasses.replace(CASE, shape=shape)
        return [row(peer, s, case=case) for peer, s in seconds.items()]

    small = measured(Shape(1, 3, 4, 5), recur=0.01, plain=0.02, flax=0.5, nnx=0.04)
    large = measured(Shape(9, 3, 4, 5), recur=0.01, plain=0.08, flax=0.01)
    line = ratios([*small, *large]).splitlines()[-1]
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells == ["4.00 (2.00 to 8.00)", "2.00 (1.00 to 4.00)", "-", "-"]
    fewer = ratios([*small, *measured(Shape(9, 3, 4, 5), recur=0.01, flax=0.01)])
    assert "2.00 (2.00 to 2.00), 1 of 2 shapes" in fewer


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
