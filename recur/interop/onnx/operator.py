"""Cells as the operators RNN, LSTM and GRU: their attributes and weights."""

from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTM
from recur.interop.onnx.activation import onnx_activation
from recur.interop.onnx.cells import OnnxGRU
from recur.interop.onnx.weights import from_params
from recur.types import Activation


class Operator(NamedTuple):
    """What both directions of one node must share; equal by value."""

    kind: str
    facts: tuple[tuple[str, Any], ...]
    peephole: bool


def functions_of(cell: Any) -> tuple[Activation, ...]:
    """Finds the activation functions of a cell, in ONNX's order.

    Example:
      >>> functions_of(GRU(5)) == (jax.nn.sigmoid, jnp.tanh)
      True
    """
    if isinstance(cell, Elman):
        return (cell.activation,)
    usual = (jax.nn.sigmoid, jnp.tanh, jnp.tanh)
    return getattr(cell, "activations", usual[: 2 if isinstance(cell, GRU) else 3])


def operator_of(where: str, cell: Any) -> Operator:
    """Finds the operator that a cell is, without its activation functions.

    Example:
      >>> operator_of("doc", GRU(5)).facts
      (('hidden_size', 5), ('linear_before_reset', 1))
    """
    facts = {"hidden_size": cell.hidden_size} | _clip(where, cell)
    if isinstance(cell, (GRU, OnnxGRU)):
        facts["linear_before_reset"] = int(cell.reset_after)
        return Operator("GRU", tuple(facts.items()), peephole=False)
    if isinstance(cell, Elman):
        return Operator("RNN", tuple(facts.items()), peephole=False)
    if isinstance(cell, LSTM) and cell.projection_size is not None:
        raise ValueError(
            f"{where}: projection_size is {cell.projection_size}; expected None, as "
            "ONNX's LSTM has no projection. Export the step with step_to_onnx."
        )
    facts["input_forget"] = int(cell.coupled)
    return Operator("LSTM", tuple(facts.items()), cell.peephole)


def activations_of(where: str, cells: list[Any]) -> dict[str, Any]:
    """Makes the attributes that name the functions of all directions.

    Example:
      >>> from recur.interop.onnx.activation import OnnxActivation
      >>> activations_of("doc", [Elman(5, activation=OnnxActivation("Elu", 0.5))])
      {'activations': ['Elu'], 'activation_alpha': [0.5]}
    """
    every = [
        onnx_activation(where, f)
        for f in chain(*(functions_of(cell) for cell in cells))
    ]
    facts: dict[str, Any] = {"activations": [f.name for f in every]}
    for name in ("alpha", "beta"):
        numbers = [getattr(f, name) for f in every]
        numbers = [number for number in numbers if number is not None]
        facts |= {f"activation_{name}": numbers} if numbers else {}
    return facts


def weights_of(ways: list[tuple[Any, Any]]) -> list[np.ndarray | None]:
    """Makes ``W``, ``R``, ``B`` and ``P``, the directions on the first axis.

    Example:
      >>> weights_of([(GRU(5), GRU(5).init(jax.random.key(0), 3))])[0].shape
      (1, 15, 3)
    """
    weights = zip(*(from_params(cell, params) for cell, params in ways), strict=True)
    return [None if parts[0] is None else np.stack(parts) for parts in weights]


def _clip(where: str, cell: Any) -> dict[str, float]:
    functions = [onnx_activation(where, f) for f in functions_of(cell)]
    clips = {function.clip for function in functions[:2]}
    if len(clips) > 1 or any(function.clip is not None for function in functions[2:]):
        plain = [replace(function, clip=None) for function in functions]
        raise ValueError(
            f"{where}: the clips of {', '.join(f.name for f in plain)} are "
            f"{[f.clip for f in functions]}; expected one for the gates and the "
            "candidate and none for the cell, as ONNX has it. Export the step with "
            "step_to_onnx."
        )
    clip = clips.pop()
    return {} if clip is None else {"clip": float(clip)}
