"""The tasks for libraries written in JAX, the same program around every one."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.measure.staging import stage
from benchmarks.peers.network import Network
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data


def prepare(case: Case, data: Data, network: Network, device: Device) -> Program:
    """Compiles a case on a device, with its weights and inputs already there."""
    return _TASKS[case.task](case, data, network, device)


def _forward(case: Case, data: Data, network: Network, device: Device) -> Program:
    args = _inputs(case, data, network, device)
    run, stages, facts = stage(network.roll(case), *args)

    def result() -> dict[str, Any]:
        carry, ys = run(*args)
        return {"carry": _numpy(carry), "ys": _time_major(network, ys)}

    return Program(lambda: jax.block_until_ready(run(*args)), result, stages, facts)


def _training(case: Case, data: Data, network: Network, device: Device) -> Program:
    roll = network.roll(case)

    def loss(
        weights: Any, xs: Any, carry: Any, lengths: Any, cotangents: Any
    ) -> tuple[Any, Any]:
        _, ys = roll(weights, carry, xs, lengths)
        return jnp.sum((ys * cotangents).astype(jnp.float32)), ys

    weights, carry, xs, lengths = _inputs(case, data, network, device)
    cotangents = _own_layout(network, data.cotangents, device)
    args = (weights, xs, carry, lengths, cotangents)
    gradient = jax.grad(loss, argnums=(0, 1), has_aux=True)
    run, stages, facts = stage(gradient, *args)

    def result() -> dict[str, Any]:
        (to_weights, to_xs), ys = run(*args)
        return {
            "ys": _time_major(network, ys),
            "gradient of params": _numpy(network.restore(to_weights)),
            "gradient of xs": _time_major(network, to_xs),
        }

    return Program(lambda: jax.block_until_ready(run(*args)), result, stages, facts)


def _step(case: Case, data: Data, network: Network, device: Device) -> Program:
    weights = jax.device_put(network.weights, device)
    first, x = jax.device_put((data.carry, data.xs[0]), device)
    run, stages, facts = stage(network.step(case), weights, first, x)
    stream = [first]

    def call() -> None:
        stream[0], y = run(weights, stream[0], x)
        y.block_until_ready()

    def result() -> dict[str, Any]:
        carry, y = run(weights, first, x)
        return {"carry": _numpy(carry), "y": _numpy(y)}

    return Program(call, result, stages, facts)


def _decode(case: Case, data: Data, network: Network, device: Device) -> Program:
    start = (data.carry, data.tokens, data.embedding, data.readout)
    args = jax.device_put((network.weights, *start), device)
    run, stages, facts = stage(network.greedy(case), *args)

    def result() -> dict[str, Any]:
        return {"tokens": _numpy(run(*args))}

    return Program(lambda: jax.block_until_ready(run(*args)), result, stages, facts)


_TASKS = {"forward": _forward, "training": _training, "step": _step, "decode": _decode}


def _inputs(case: Case, data: Data, network: Network, device: Device) -> Any:
    lengths = data.lengths if case.ragged else None
    weights, carry, lengths = jax.device_put(
        (network.weights, data.carry, lengths), device
    )
    return weights, carry, _own_layout(network, data.xs, device), lengths


def _own_layout(network: Network, xs: np.ndarray, device: Device) -> Any:
    # Each library gets the layout it is written for; turning costs no one anything.
    own = xs if network.time_major else np.ascontiguousarray(np.swapaxes(xs, 0, 1))
    return jax.device_put(own, device)


def _time_major(network: Network, ys: Any) -> np.ndarray:
    return np.asarray(ys) if network.time_major else np.swapaxes(np.asarray(ys), 0, 1)


def _numpy(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)
