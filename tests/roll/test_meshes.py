"""Rolls inside ``jax.shard_map`` and on explicit meshes are what they are alone."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_on_four_devices():
    flags = "--xla_force_host_platform_device_count=4"
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.roll.on_meshes"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
