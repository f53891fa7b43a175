"""The record of applications: goals, means, misses, and what is refused."""

import pytest

from benchmarks.commands.front import main
from benchmarks.report.tasks import Outcome, load_runs, save_runs, tasks_page
from benchmarks.workload.goals import GOALS, Goal
from recur.tasks.catalogue import CLASSES

FACTS = {"processor": "P", "cores": 2, "versions": {"jax": "1"}, "commit": "c"}


def outcome(row, choice, processor="P", **figures):
    return Outcome(row, choice, figures, 60.0, "DATA", "c", processor)


def test_every_application_has_a_goal():
    assert {goal.task for goal in GOALS} == set(CLASSES)
    assert len({goal.row for goal in GOALS}) == len(GOALS)


def test_a_page_has_means_spreads_and_misses(tmp_path):
    runs = [outcome("names", f"--seed={n}", **{"test % right": 80 + n}) for n in (0, 2)]
    runs.append(outcome("adding", "--seed=0", "Q", **{"test squared error": 0.5}))
    told = {"test % right": 78.5, "test % right, bag of words": 79.0}
    runs.append(outcome("reviews", "--fold=0", **told))
    save_runs(tmp_path / "tasks.json", runs, FACTS)
    assert load_runs(tmp_path / "tasks.json") == runs
    page = tasks_page(runs, FACTS)
    assert (tmp_path / "tasks.md").read_text() == page
    assert "\nP and Q, 2 cores; jax 1.\n" in page
    rows = {
        line.split("|")[1].strip(): line for line in page.splitlines() if "|" in line
    }
    assert "81 ± 1.4" in rows["names"]
    assert "| met" in rows["names"]
    assert "**missed**" in rows["adding"]
    assert "79 -1 (bag of words)" in rows["reviews"]
    assert "| met" in rows["reviews"]
    assert Goal("music", "x", 1, options=("--cell", "gru")).row == "music --cell gru"


def test_a_page_has_the_validation_on_the_way():
    run = outcome("music", "--seed=1", **{"test nats a frame": 8.0})
    curve = [[250, 9.5], [500, 9.0], [750, 8.7], [1010, 8.55]]
    runs = [run, *(run._replace(choice=f"--seed={n}", curve=curve) for n in (2, 3))]
    page = tasks_page(runs, FACTS)
    head, _, row = page.split("## On the way")[1].strip().splitlines()[-3:]
    cells = lambda line: [cell.strip() for cell in line.strip("|").split("|")]
    assert cells(head) == ["task", "run", "25%", "50%", "75%", "100%"]
    assert cells(row) == ["music", "seed=2", "9.5", "9", "8.7", "8.55"]
    assert "## On the way" not in tasks_page([run], FACTS)


@pytest.mark.slow
def test_a_run_is_kept_and_not_repeated(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("RECUR_DATA", raising=False)
    small = Goal("rain", "test nats above Bayes", 9, False, ("--steps", "2"))
    monkeypatch.setattr("benchmarks.commands.tasking.GOALS", (small,))
    monkeypatch.setattr("benchmarks.report.tasks.GOALS", (small,))
    command = ["tasks", "--seeds", "1", "--output", str(tmp_path / "tasks.json")]
    assert main(command) == 0
    (run,) = load_runs(tmp_path / "tasks.json")
    assert run.seconds > 0
    assert run.curve[-1][0] == 2
    assert main([*command, "rain", "rain --steps"]) == 0
    assert load_runs(tmp_path / "tasks.json") == [run]
    assert "rain --steps 2" in capsys.readouterr().out


def test_bad_input(tmp_path, capsys):
    path = tmp_path / "tasks.json"
    path.write_text("{}")
    for words, message in (
        (["reading"], "'reading' begins no row; expected some of text, reviews"),
        (["copy --places start"], "'copy --places start' begins no row"),
        ([""], "'' begins no row"),
        (["--seeds", "0"], "seeds are 0; expected 1 or more"),
        (["--output", str(path)], "holds no record of applications"),
    ):
        assert main(["tasks", *words]) == 2
        assert message in capsys.readouterr().err
