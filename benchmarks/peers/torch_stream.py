"""PyTorch one step at a time: ``torch.nn`` cells, in a Python loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import recur
from benchmarks.peers import torch_weights as weights
from benchmarks.workload.case import Case
from benchmarks.workload.data import Data

CELLS: dict[str, tuple[Any, dict[str, str]]] = {
    "elman": (torch.nn.RNNCell, {"nonlinearity": "tanh"}),
    "elman_relu": (torch.nn.RNNCell, {"nonlinearity": "relu"}),
    "lstm": (torch.nn.LSTMCell, {}),
    "gru": (torch.nn.GRUCell, {}),
}

Calls = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]


def prepare_step(case: Case, data: Data, like: torch.Tensor) -> Calls:
    """Makes ready one step whose carry is fed back from call to call."""
    step = _step(case, data, like)
    first, x = _first_carry(data, like), weights.tensor(data.xs[0], like)
    stream = [first]

    @torch.inference_mode()
    def call() -> None:
        stream[0], _ = step(stream[0], x)

    @torch.inference_mode()
    def result() -> dict[str, Any]:
        carry, y = step(first, x)
        return {"carry": _unpack(case, carry), "y": weights.array(y)}

    return call, result


def prepare_decode(case: Case, data: Data, like: torch.Tensor) -> Calls:
    """Makes ready a greedy loop, in Python as torch has no other."""
    step, first = _step(case, data, like), _first_carry(data, like)
    embedding = weights.tensor(data.embedding, like)
    readout = weights.tensor(data.readout, like)
    start = torch.from_numpy(data.tokens).to(like.device)

    @torch.inference_mode()
    def call() -> torch.Tensor:
        carry, tokens, found = first, start, []
        for _ in range(case.shape.steps):
            carry, y = step(carry, embedding[tokens])
            tokens = (y @ readout).argmax(-1)
            found.append(tokens)
        return torch.stack(found)

    def result() -> dict[str, Any]:
        return {"tokens": call().cpu().numpy()}

    return call, result


def _step(
    case: Case, data: Data, like: torch.Tensor
) -> Callable[[list[Any], torch.Tensor], tuple[list[Any], torch.Tensor]]:
    kind, options = CELLS[case.cell]
    cells = []
    for layer, params in zip(case.layer_stack, weights.flat(data.params), strict=True):
        cell = kind(layer.input_size, layer.hidden_size, **options).to(like)
        named = zip(weights.KINDS, weights.to_torch(params), strict=True)
        cell.load_state_dict({name: weights.tensor(w, like) for name, w in named})
        cells.append(cell)

    def step(carry: list[Any], x: torch.Tensor) -> tuple[list[Any], torch.Tensor]:
        new = []
        for cell, s in zip(cells, carry, strict=True):
            new.append(cell(x, s))
            x = new[-1][0] if case.cell == "lstm" else new[-1]
        return new, x

    return step


def _first_carry(data: Data, like: torch.Tensor) -> list[Any]:
    return [
        tuple(weights.tensor(part, like) for part in s)
        if isinstance(s, recur.LSTMCarry)
        else weights.tensor(s, like)
        for s in weights.flat(data.carry)
    ]


def _unpack(case: Case, carry: list[Any]) -> Any:
    def cell(s: Any) -> Any:
        if case.cell == "lstm":
            return recur.LSTMCarry._make(map(weights.array, s))
        return np.asarray(weights.array(s))

    return weights.nested(case, [cell(s) for s in carry])
