"""Rolls inside ``jax.shard_map`` and on explicit meshes are what they are alone."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import recur
from tests.support.draw import assert_close, random_like


@pytest.mark.slow
def test_on_four_devices():
    flags = "--xla_force_host_platform_device_count=4"
    env = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "tests.roll.on_meshes"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_on_an_explicit_mesh_of_one_device():
    """What is written for many devices is tried on one first."""
    mesh = jax.make_mesh((1,), ("rows",))
    rows = NamedSharding(mesh, PartitionSpec(None, "rows"))
    cell = recur.GRU(4)
    params = random_like(1, cell.init(jax.random.key(0), input_size=3))
    xs = random_like(0, jnp.zeros((6, 2, 3)))
    loss = lambda params, xs: jnp.sum(recur.unroll(cell, params, None, xs)[1] ** 2)
    here = jax.value_and_grad(loss)(params, xs)
    there = jax.value_and_grad(loss)(
        jax.device_put(params, NamedSharding(mesh, PartitionSpec())),
        jax.device_put(xs, rows),
    )
    assert_close(there, here)
