"""ONNX Runtime: the recurrent operators of ONNX, inference only."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime

import recur
from benchmarks.measure.cores import cores
from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.peers.onnx_graph import carry_names, roll_model, token_model
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data, Layers

Calls = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]


class OnnxRuntime:
    """Gates as ``i, o, f, c`` and ``z, r, h``, directions on an axis of their own."""

    name = "onnxruntime"

    def refuses(self, case: Case, device: Device) -> str | None:
        """Refuses training, other dtypes than float32, and accelerators."""
        if case.task == "training":
            return "onnxruntime has no gradients: inference only"
        if case.dtype != "float32":
            return "the recurrent operators of onnxruntime are in float32 only"
        if device.platform != "cpu":
            return "onnxruntime is compared on the CPU only"
        return None

    def prepare(self, case: Case, data: Data, device: Device) -> Program:
        """Makes a case ready; the graph is optimised as the session is made."""
        call, result = _TASKS[case.task](case, data)
        start = perf_counter()
        call()
        return Program(call, result, {"first": perf_counter() - start})


def _session(model: Any) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.inter_op_num_threads = 1
    # Its threads would spin into the turn of the next peer.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    serialised = model.SerializeToString()
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(serialised, options, providers=providers)


def _forward(case: Case, data: Data) -> Calls:
    session = _session(roll_model(case, data))
    inputs = {"xs": data.xs} | _first_carry(case, data)
    inputs |= {"lengths": data.lengths} if case.ragged else {}

    def call() -> Any:
        return session.run(None, inputs)

    def result() -> dict[str, Any]:
        ys, *carry = call()
        return {"carry": _restore_carry(case, carry), "ys": ys}

    return call, result


def _step(case: Case, data: Data) -> Calls:
    session = _session(roll_model(case, data))
    first, names = _first_carry(case, data), carry_names(case, "first")
    stream: dict[str, Any] = {"xs": data.xs[:1], **first}

    def call() -> None:
        _, *carry = session.run(None, stream)
        stream.update(zip(names, carry, strict=True))

    def result() -> dict[str, Any]:
        y, *carry = session.run(None, {"xs": data.xs[:1], **first})
        return {"carry": _restore_carry(case, carry), "y": np.asarray(y)[0]}

    return call, result


def _decode(case: Case, data: Data) -> Calls:
    session = _session(token_model(case, data))
    first, names = _first_carry(case, data), carry_names(case, "first")

    def call() -> np.ndarray:
        inputs = {"before": data.tokens.astype(np.int64), **first}
        found = []
        for _ in range(case.shape.steps):
            tokens, *carry = session.run(None, inputs)
            inputs = {"before": tokens, **dict(zip(names, carry, strict=True))}
            found.append(tokens)
        return np.stack(found)

    def result() -> dict[str, Any]:
        return {"tokens": call()}

    return call, result


_TASKS = {"forward": _forward, "step": _step, "decode": _decode}


def _first_carry(case: Case, data: Data) -> dict[str, np.ndarray]:
    """Stacks the directions of each layer: ``[D, B, H]``."""
    arrays = []
    for cells in data.carry:
        parts = zip(*cells, strict=True) if case.cell == "lstm" else [cells]
        arrays += [np.stack(part) for part in parts]
    return dict(zip(carry_names(case, "first"), arrays, strict=True))


def _restore_carry(case: Case, arrays: list[Any]) -> Layers:
    if case.cell == "lstm":
        pairs = zip(arrays[::2], arrays[1::2], strict=True)
        return tuple(tuple(map(recur.LSTMCarry, h, c)) for h, c in pairs)
    return tuple(tuple(h) for h in arrays)


PEER = OnnxRuntime()
