"""The cells that are compared, one a row."""

from collections.abc import Callable
from typing import NamedTuple

import jax

import recur
from benchmarks.workload.case import Layer


class CellKind(NamedTuple):
    """A cell as the benchmarks know it: gates on the fused axis, and how to make it."""

    gates: int
    specification: Callable[..., recur.Cell]
    about: str


def _relu_elman(hidden_size: int, *, dtype: str) -> recur.Elman:
    return recur.Elman(hidden_size, activation=jax.nn.relu, dtype=dtype)


def _reset_before(hidden_size: int, *, dtype: str) -> recur.GRU:
    return recur.GRU(hidden_size, reset_after=False, dtype=dtype)


CELLS = {
    "elman": CellKind(1, recur.Elman, "simple recurrent unit, tanh"),
    "elman_relu": CellKind(1, _relu_elman, "the same with ReLU, as Haiku has it"),
    "lstm": CellKind(4, recur.LSTM, "long short-term memory"),
    "gru": CellKind(3, recur.GRU, "GRU, reset after the product (torch, Flax, Keras)"),
    "gru_before": CellKind(3, _reset_before, "GRU, reset before it (Haiku, ONNX)"),
}
"""Rows of the comparison; a further cell is one more row."""

TEXTBOOK = ("elman", "lstm", "gru")
"""What is run unless the user asks for others."""


def specification(layer: Layer) -> recur.Cell:
    """Makes this library's cell for a layer.

    Example:
      >>> specification(Layer("lstm", 3, 5, "float32")).output_size
      5
    """
    return CELLS[layer.cell].specification(layer.hidden_size, dtype=layer.dtype)
