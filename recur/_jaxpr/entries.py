"""Which entries of a value are read after a change of its shape, as numbers."""

from collections.abc import Callable, Sequence

import numpy as np
from jax.extend.core import JaxprEqn

from recur._jaxpr.interpret import shape_of

Pieces = Callable[[JaxprEqn, np.ndarray], Sequence[np.ndarray]]
"""``(equation, entries) -> entries of each output``."""


def _broadcast(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    shape, axes = eqn.params["shape"], eqn.params["broadcast_dimensions"]
    kept = [p.shape[axes.index(n)] if n in axes else 1 for n in range(len(shape))]
    return [np.broadcast_to(p.reshape(kept), shape)]


def _reshape(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    return [p.reshape(shape_of(eqn.outvars[0]))]


def _reverse(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    return [np.flip(p, eqn.params["dimensions"])]


def _slice(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    first, last = eqn.params["start_indices"], eqn.params["limit_indices"]
    strides = eqn.params["strides"] or (1,) * p.ndim
    return [p[tuple(map(slice, first, last, strides))]]


def _split(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    ends = np.cumsum(eqn.params["sizes"])[:-1]
    return np.split(p, ends, eqn.params["axis"])


def _transpose(eqn: JaxprEqn, p: np.ndarray) -> Sequence[np.ndarray]:
    return [np.transpose(p, eqn.params["permutation"])]


PIECES: dict[str, Pieces] = {
    "broadcast_in_dim": _broadcast,
    "expand_dims": _reshape,
    "reshape": _reshape,
    "rev": _reverse,
    "slice": _slice,
    "split": _split,
    "squeeze": _reshape,
    "transpose": _transpose,
}
"""By the name of an operation that changes shapes only."""
