"""What XLA makes of rolls for an NVIDIA H100 that need not be there.

A process of its own: it compiles with the plugin for CUDA and runs nothing. Prints, for
each cell, kernels and copies that a time step launches forward and in training, and the
temporaries over those of the plain scan.
"""

import json
import re
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

import recur

B, T, N, H = 32, 128, 256, 256
CELLS = {"lstm": recur.LSTM(H), "gru": recur.GRU(H)}
NO_WORK = {"parameter", "get-tuple-element", "tuple", "constant", "bitcast", "iota"}

# From the data sheet and the tables of compute capability 9.0.
H100 = """
gpu_device_info {
  name: "NVIDIA H100 80GB HBM3"
  device_vendor: "NVIDIA Corporation"
  cuda_compute_capability { major: 9 minor: 0 }
  core_count: 132 fpus_per_core: 128 clock_rate_ghz: 1.98
  threads_per_warp: 32 threads_per_block_limit: 1024 threads_per_core_limit: 2048
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
  shared_memory_per_core: 233472 shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  l2_cache_size: 52428800 memory_bandwidth: 3352320000000
  device_memory_size: 84942979072
  driver_version: "13.0.0" runtime_version: "13.0.0"
  compile_time_toolkit_version: "13.0.0" dnn_version: "9.10.0"
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


def compiled(function, *args):
    """Compiles for the first of the devices that are not there."""
    topology = topologies.get_topology_desc(
        platform="cuda", topology_name="", target_config=H100, topology="1x1x1"
    )
    on_device = SingleDeviceSharding(topology.devices[0])
    shapes = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=on_device), args
    )
    return jax.jit(function).lower(*shapes).compile()


def computations(text: str) -> dict[str, list[str]]:
    """Cuts the text of a program into the lines of each computation."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if head := re.match(r"(?:ENTRY )?%?([\w.\-]+) \(.*->.*\{$", line):
            lines = found.setdefault(head[1], [])
        lines.append(line)
    return found


def launches(name: str, bodies: dict[str, list[str]]) -> Iterator[str]:
    """Walks what a computation launches, through the graphs that it consists of."""
    for line in bodies[name]:
        found = re.match(r"\s+(?:ROOT )?%?[\w.\-]+ = .+? ([\w\-]+)\(", line)
        if not found or found[1] in NO_WORK:
            continue
        if found[1] == "call":
            called = re.search(r"to_apply=%?([\w.\-]+)", line)
            yield from launches(called[1], bodies)
        else:
            yield found[1]


def loops(text: str) -> Iterator[tuple[int, list[str]]]:
    """Gives iterations and launches in one of each loop."""
    bodies = computations(text)
    for line in text.splitlines():
        if re.search(r" while\(", line):
            body = re.search(r"body=%?([\w.\-]+)", line)[1]
            trips = re.search(r'known_trip_count":\{"n":"(\d+)"', line)[1]
            yield int(trips), list(launches(body, bodies))


def costs(cell, implementation, *, training):
    """Launches a step and bytes of temporaries."""
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), N))
    carry = jax.eval_shape(lambda: cell.init_carry((B,)))
    xs = jax.ShapeDtypeStruct((T, B, N), jnp.float32)

    def roll(params, carry, xs):
        options = {"implementation": implementation}
        return recur.unroll(cell, params, carry, xs, **options)[1]

    def loss(params, carry, xs):
        return jnp.sum(roll(params, carry, xs) ** 2)

    program = compiled(jax.grad(loss, (0, 2)) if training else roll, params, carry, xs)
    each = [trips * len(names) for trips, names in loops(program.as_text())]
    return sum(each) / T, program.memory_analysis().temp_size_in_bytes


def table():
    """For each cell: launches forward, in training, and temporaries over the scan's."""
    rows = {}
    for name, cell in CELLS.items():
        forward, _ = costs(cell, "chunked", training=False)
        training, memory = costs(cell, "chunked", training=True)
        plain, most = costs(cell, "scan", training=True)
        rows[name] = {"forward": forward, "training": training, "plain": plain}
        rows[name]["memory"] = memory / most
    return rows


if __name__ == "__main__":
    print(json.dumps(table()))
