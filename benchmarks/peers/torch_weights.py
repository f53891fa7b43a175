"""Weights and carries between our layout and PyTorch's."""

from typing import Any

import numpy as np
import torch

import recur
from benchmarks.workload.case import Case
from benchmarks.workload.data import Layers

KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""What torch calls the four arrays of a cell."""


def tensor(values: Any, like: torch.Tensor) -> torch.Tensor:
    """Makes a tensor with the dtype and on the device of another."""
    # Through float64, since torch does not read the bfloat16 of NumPy.
    return torch.from_numpy(np.asarray(values, np.float64)).to(like.device, like.dtype)


def array(values: torch.Tensor) -> np.ndarray:
    """Makes a float64 array, whatever the dtype and device."""
    return values.detach().to("cpu", torch.float64).numpy()


def to_torch(params: Any) -> list[np.ndarray]:
    """Transposes the weights and splits the bias of one cell.

    Our bias is torch's input bias; its other one is zero, but for the bias inside the
    reset product of a GRU.
    """
    w_ih, w_hh, b = (np.asarray(w) for w in params[:3])
    second = np.zeros_like(b)
    if isinstance(params, recur.GRUParams):
        second[-w_hh.shape[0] :] = np.asarray(params.b_hn)
    return [w_ih.T, w_hh.T, b, second]


def from_torch(cell: str, arrays: list[np.ndarray]) -> Any:
    """Turns gradients of torch's four arrays into gradients of our params."""
    w_ih, w_hh, *biases = arrays
    if cell == "gru":
        biases[1] = biases[1][-w_hh.shape[1] :]
        return recur.GRUParams._make((w_ih.T, w_hh.T, *biases))
    kind: Any = recur.LSTMParams if cell == "lstm" else recur.ElmanParams
    return kind(w_ih.T, w_hh.T, biases[0])


def flat(layers: Layers) -> list[Any]:
    """Lists cells as torch numbers them: layer by layer, both directions of each."""
    return [cell for directions in layers for cell in directions]


def nested(case: Case, cells: list[Any]) -> Layers:
    """Groups listed cells by layer again."""
    d = case.directions
    return tuple(tuple(cells[n : n + d]) for n in range(0, len(cells), d))


def stack_carry(carry: Layers, like: torch.Tensor) -> Any:
    """Stacks the carries of all cells: ``[L·D, B, H]``, a pair of them for an LSTM."""
    cells = flat(carry)
    if isinstance(cells[0], recur.LSTMCarry):
        return tuple(tensor(np.stack([s[n] for s in cells]), like) for n in (0, 1))
    return tensor(np.stack(cells), like)


def unstack_carry(case: Case, carry: Any) -> Layers:
    """Takes stacked carries apart again."""
    if case.cell == "lstm":
        pairs = zip(*map(array, carry), strict=True)
        return nested(case, [recur.LSTMCarry._make(pair) for pair in pairs])
    return nested(case, list(array(carry)))
