"""PyTorch: ``torch.nn`` recurrent modules, with oneDNN or cuDNN beneath."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.measure.cores import cores
from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.peers import torch_weights as weights
from benchmarks.peers.torch_stream import prepare_decode, prepare_step
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data

MODULES: dict[str, tuple[Any, dict[str, str]]] = {
    "elman": (torch.nn.RNN, {"nonlinearity": "tanh"}),
    "elman_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (torch.nn.LSTM, {}),
    "gru": (torch.nn.GRU, {}),
}

Calls = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]


class Torch:
    """Gates fused as ours, weights transposed, and two biases that are added."""

    name = "torch"

    def refuses(self, case: Case, device: Device) -> str | None:
        """Refuses the GRU it lacks, and devices its build cannot use."""
        if case.cell not in MODULES:
            return "torch has no GRU that resets before the product"
        if case.memory != "full":
            return "torch rolls with memory=full only"
        if device.platform == "gpu" and not torch.cuda.is_available():
            return "this build of torch has no GPU"
        if device.platform == "tpu":
            return "torch has no TPU of its own"
        return None

    def prepare(self, case: Case, data: Data, device: Device) -> Program:
        """Makes a case ready; nothing is compiled."""
        torch.set_num_threads(cores())
        # cuDNN shortens float32 products unless told not to, as JAX is.
        precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue] -- JAX adds its options as it is imported
        torch.backends.cudnn.allow_tf32 = precision != "highest"
        place = "cuda" if device.platform == "gpu" else "cpu"
        like = torch.zeros(0, dtype=getattr(torch, case.dtype), device=place)
        call, result = _TASKS[case.task](case, data, like)
        waiting = _waiting(call) if place == "cuda" else call
        start = perf_counter()
        waiting()
        return Program(waiting, result, {"first": perf_counter() - start})


def _forward(case: Case, data: Data, like: torch.Tensor) -> Calls:
    roll = _roll(case, data, _module(case, data, like))
    xs = weights.tensor(data.xs, like)

    @torch.inference_mode()
    def call() -> Any:
        return roll(xs)

    def result() -> dict[str, Any]:
        ys, carry = call()
        return {"carry": weights.unstack_carry(case, carry), "ys": weights.array(ys)}

    return call, result


def _training(case: Case, data: Data, like: torch.Tensor) -> Calls:
    module = _module(case, data, like)
    roll, learned = _roll(case, data, module), list(module.parameters())
    xs = weights.tensor(data.xs, like).requires_grad_()
    cotangents = weights.tensor(data.cotangents, like)

    def call() -> Any:
        ys, _ = roll(xs)
        return ys, torch.autograd.grad(ys, [xs, *learned], cotangents)

    def result() -> dict[str, Any]:
        ys, (to_xs, *to_weights) = call()
        arrays = [weights.array(g) for g in to_weights]
        fours = [arrays[n : n + 4] for n in range(0, len(arrays), 4)]
        cells = [weights.from_torch(case.cell, four) for four in fours]
        return {
            "ys": weights.array(ys),
            "gradient of params": weights.nested(case, cells),
            "gradient of xs": weights.array(to_xs),
        }

    return call, result


_TASKS: dict[str, Callable[[Case, Data, torch.Tensor], Calls]] = {
    "forward": _forward,
    "training": _training,
    "step": prepare_step,
    "decode": prepare_decode,
}


def _module(case: Case, data: Data, like: torch.Tensor) -> torch.nn.RNNBase:
    kind, options = MODULES[case.cell]
    sizes = (case.shape.inputs, case.shape.hidden, case.layers)
    module = kind(*sizes, bidirectional=case.bidirectional, **options).to(like)
    arrays = [w for cell in weights.flat(data.params) for w in weights.to_torch(cell)]
    with torch.no_grad():
        # torch lists its parameters cell by cell, in the order of KINDS.
        for parameter, w in zip(module.parameters(), arrays, strict=True):
            parameter.copy_(weights.tensor(w, like))
    module.flatten_parameters()
    return module


def _roll(
    case: Case, data: Data, module: torch.nn.RNNBase
) -> Callable[[torch.Tensor], tuple[torch.Tensor, Any]]:
    like = next(module.parameters())
    carry = weights.stack_carry(data.carry, like.detach())
    lengths = torch.from_numpy(data.lengths).long()

    def ragged(xs: torch.Tensor) -> tuple[torch.Tensor, Any]:
        packed = pack_padded_sequence(xs, lengths, enforce_sorted=False)
        ys, last = module(packed, carry)
        return pad_packed_sequence(ys, total_length=len(xs))[0], last

    return ragged if case.ragged else lambda xs: module(xs, carry)


def _waiting(call: Callable[[], Any]) -> Callable[[], Any]:
    def wait() -> None:
        call()
        torch.cuda.synchronize()

    return wait


PEER = Torch()
