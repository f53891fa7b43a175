"""The memory command: its tables, and that less memory is what it shows."""

import pytest

from benchmarks.commands.front import main
from benchmarks.measure.growth import language_model, slopes, training_step


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
def test_sqrt_grows_as_a_square_root():
    steps = [4096, 16384]
    full, root = (
        [training_step(t, remat, batch=4, size=64) for t in steps]
        for remat in (None, "sqrt")
    )
    assert slopes(steps, full)[0] > 0.9
    assert slopes(steps, root)[0] < 0.6


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
def test_logits_exist_a_few_steps_at_a_time():
    sizes = {"batch": 2, "size": 8, "classes": 2000}
    logits = 256 * 2 * 2000 * 4
    assert language_model(256, within=False, **sizes) > logits
    assert language_model(256, "sqrt", **sizes) < logits / 3


@pytest.mark.slow
def test_command(capsys):
    assert main(["memory", "--steps", "16", "64", "--classes", "50"]) == 0
    printed = capsys.readouterr().out
    assert "remat='sqrt'" in printed
    assert "T = 64" in printed
    assert main(["memory", "--classes", "0"]) == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize(("needed", "slope"), [([10, 20], 0.5), ([10, 40], 1.0)])
def test_slopes(needed, slope):
    assert slopes([1, 4], needed) == [slope]
