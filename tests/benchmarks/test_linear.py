"""The command that times linear recurrences writes its table."""

import numpy as np
import pytest

from benchmarks.commands.front import main
from benchmarks.peers.linear import PEERS


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_other_libraries_are_timed_where_they_are_installed(tmp_path, capsys):
    page = tmp_path / "peers.md"
    command = ["linear", "--short", "--seconds", "0.05", "--beside", "peers"]
    assert main([*command, "--output", str(page)]) == 0
    rows = [row.split("|") for row in page.read_text().splitlines() if row[:2] == "| "]
    told = {row[1].strip(): row[3].strip() for row in rows[1:]}
    assert list(told) == list(PEERS)
    for name, (_, make) in PEERS.items():
        try:
            make((1, 32, 8))
        except ImportError:
            assert told[name].startswith("not installed")
        else:
            assert told[name] == "training"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", PEERS)
def test_ours_is_what_the_other_library_makes(name):
    try:
        beside = PEERS[name][1]((2, 32, 8))
    except ImportError as error:
        pytest.skip(f"a peer where it is installed: {error}")
    ours = beside.ours(beside.params, *beside.xs)
    xs = beside.xs
    if beside.in_torch:
        torch = pytest.importorskip("torch")
        xs = [torch.tensor(a) for a in xs]
    theirs = beside.theirs(beside.weights, *xs)
    theirs = theirs.detach().numpy() if beside.in_torch else theirs
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
