"""Weights from one convention to another: the order of fused gates, and biases."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

from recur.cells.elman import ElmanParams
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.types import Array

Params: TypeAlias = LSTMParams | GRUParams | ElmanParams
"""What the cells hold that other libraries know too."""

GATES: dict[type[Params], str] = {
    LSTMParams: "ifgo",
    GRUParams: "rzn",
    ElmanParams: "h",
}
"""The order of gates on the fused axis, here."""

KINDS: dict[int, type[Params]] = {len(gates): kind for kind, gates in GATES.items()}
"""The cell that has so many gates."""


class TwoBiases(NamedTuple):
    """Weights as torch, cuDNN, Keras and ONNX hold them, in our order and axes."""

    w_ih: Array  # [I, G·H]
    w_hh: Array  # [P, G·H]
    b_ih: Array  # [G·H]
    b_hh: Array  # [G·H]
    w_hr: Array | None = None  # [H, P]


def cut(fused: Array, gates: str) -> dict[str, Array]:
    """Cuts the last axis into gates.

    Example:
      >>> cut(jnp.arange(4.0), "ab")
      {'a': Array([0., 1.], dtype=float32), 'b': Array([2., 3.], dtype=float32)}
    """
    return dict(zip(gates, jnp.split(fused, len(gates), axis=-1), strict=True))


def fuse(parts: Mapping[str, Array], gates: str) -> Array:
    """Joins gates on the last axis: the inverse of :func:`cut`.

    Example:
      >>> fuse({"a": jnp.zeros(1), "b": jnp.ones(1)}, "ba")
      Array([1., 0.], dtype=float32)
    """
    return jnp.concatenate([parts[gate] for gate in gates], axis=-1)


def reorder(fused: Array, order: str, to: str) -> Array:
    """Puts fused gates in another order.

    Example:
      >>> reorder(jnp.arange(4.0), "igfo", "ifgo")
      Array([0., 2., 1., 3.], dtype=float32)
    """
    return fused if order == to else fuse(cut(fused, order), to)


def merge_biases(kind: type[Params], weights: TwoBiases) -> Params:
    """Adds the two biases, but for the GRU's inside the reset product.

    Example:
      >>> w, b = jnp.ones((1, 3)), jnp.ones(3)
      >>> merge_biases(GRUParams, TwoBiases(w, w, b, b))[2:]
      (Array([2., 2., 1.], dtype=float32), Array([1.], dtype=float32))
    """
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    if kind is GRUParams:
        inner = cut(b_hh, "rzn")
        outer = fuse(inner | {"n": jnp.zeros_like(inner["n"])}, "rzn")
        return GRUParams(w_ih, w_hh, b_ih + outer, inner["n"])
    if kind is LSTMParams:
        return LSTMParams(w_ih, w_hh, b_ih + b_hh, w_hr=w_hr)
    return ElmanParams(w_ih, w_hh, b_ih + b_hh)


def split_biases(params: Params) -> TwoBiases:
    """Puts all into the first bias that can be there, so that merging gives it back.

    Example:
      >>> w, b = jnp.ones((1, 3)), jnp.ones(3)
      >>> split_biases(GRUParams(w, w, b, jnp.ones(1))).b_hh
      Array([0., 0., 1.], dtype=float32)
    """
    b_hh = jnp.zeros_like(params.b)
    if isinstance(params, GRUParams) and params.b_hn is not None:
        b_hh = fuse(cut(b_hh, "rzn") | {"n": jnp.asarray(params.b_hn)}, "rzn")
    w_hr = params.w_hr if isinstance(params, LSTMParams) else None
    return TwoBiases(params.w_ih, params.w_hh, params.b, b_hh, w_hr)
