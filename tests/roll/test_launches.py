"""Few kernels are launched on a GPU, counted in programs that XLA compiles for one."""

import importlib.util
import json
import subprocess
import sys

import pytest

PLUGIN = "jax_cuda13_plugin"

# Kernels and copies of a step; in training the plain scan launches more than thirty.
MOST = {
    "lstm": {"forward": 2.6, "training": 6.6, "memory": 1.3},
    "gru": {"forward": 2.5, "training": 5.5, "memory": 1.3},
}


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(PLUGIN) is None,
    reason=f"compiles for a GPU by {PLUGIN} and jax_cuda13_pjrt, not installed here",
)
def test_launches_of_a_step_on_an_h100():
    command = [sys.executable, "-m", "tests.roll.on_absent_gpu"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout.splitlines()[-1])
    for name, most in MOST.items():
        assert {k: rows[name][k] for k, n in most.items() if rows[name][k] > n} == {}
