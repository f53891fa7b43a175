"""The command line, as a newcomer meets it."""

import pytest

from benchmarks.commands.arguments import BRIEF, attach_flags
from benchmarks.commands.front import main
from benchmarks.report.record import load
from benchmarks.suites import SUITES, Choice, cases

SMALL = ["--cells=elman", "--tasks=forward", "--seconds=0.01", "--shapes", "2,3,4,5"]


def test_list_names_everything(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("sequence", "onnxruntime", "32,128,256,256"))


@pytest.mark.usefixtures("ceiling")
def test_a_run_writes_the_record_and_shows_the_table(tmp_path, capsys):
    file = tmp_path / "new" / "run.json"
    assert main(["run", "--against=plain", f"--output={file}", *SMALL]) == 0
    assert {row.peer for row in load(file).rows} == {"recur", "plain"}
    assert "elman forward" in file.with_suffix(".md").read_text()
    out = capsys.readouterr().out
    assert "elman forward" in out
    assert str(file) in out


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("--against=flux", "--against: 'flux' is not known; expected recur, plain"),
        ("--backends=xpu", "--backends: 'xpu' is not known"),
        ("--suite=all,none", "--suite: 'all' is not known"),
        ("--cells=mamba", "--cells: 'mamba' is not known"),
        ("--dtype=int8", "--dtype: 'int8' is not known"),
        ("--precision=low", "--precision: 'low' is not known"),
        ("--precision=all", "--precision: 'all' names several"),
        ("--shapes=1,2,3", "--shapes: '1,2,3' is no shape; expected four"),
        ("--shapes=1,2,3,0", "--shapes: '1,2,3,0' is no shape"),
        ("--seconds=0", "--seconds: 0.0 is no time"),
        ("--seconds=nan", "--seconds: nan is no time"),
    ],
)
def test_a_bad_argument_is_told_in_a_sentence(argument, reason, capsys):
    assert main(["run", argument]) == 2
    assert capsys.readouterr().err.startswith(f"benchmarks: {reason}")


def test_a_file_that_is_no_record_is_refused(tmp_path, capsys):
    file = tmp_path / "no.json"
    file.write_text("[]")
    assert main(["plot", str(file)]) == 2
    assert "holds no record" in capsys.readouterr().err


def test_flags_are_not_taken_for_options():
    sets = ["--xla-flags", "--xla_a=1", "--xla-flags", "--xla_b=2 --xla_c=3"]
    joined = ["--xla-flags=--xla_a=1", "--xla-flags=--xla_b=2 --xla_c=3"]
    assert attach_flags(sets) == joined
    assert attach_flags(["--xla-flags"]) == ["--xla-flags"]


@pytest.mark.slow
def test_flag_sets_run_in_fresh_processes_and_a_refused_one_is_named(tmp_path):
    file = tmp_path / "flags.json"
    flags = ["--xla-flags", "--xla_there_is_no_such_flag=1"]
    command = ["run", "--against=plain", "--quiet", f"--output={file}"]
    assert main([*command, *flags, *SMALL]) == 0
    record = load(file)
    assert {(row.peer, row.flags) for row in record.rows} == {
        ("recur", ""),
        ("plain", ""),
    }
    (absent,) = record.absent
    assert absent["name"] == f"flags {flags[1]}"
    assert "Unknown flag" in absent["reason"]


def test_the_default_is_a_run_of_three_cells_against_flax():
    assert BRIEF[0] == "run"
    assert "--against=flax" in BRIEF


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_cases_of_its_own(name):
    found = list(cases(name, Choice()))
    assert found
    assert len(set(found)) == len(found)
    assert {case.suite for case in found} == {name}
