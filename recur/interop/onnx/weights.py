"""The weights of ONNX's recurrent operators and ours, one direction at a time.

ONNX writes ``W [G·H, I]``, ``R [G·H, H]``, ``B [2G·H]``, the biases of both products
behind each other, and ``P [3H]``. All functions are on NumPy arrays.
"""

from typing import Any, NamedTuple

import numpy as np

from recur.cells.elman import ElmanParams
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM, LSTMParams
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM


class Weights(NamedTuple):
    """Inputs of an operator that are weights, of one direction."""

    w: Any  # [G·H, I]
    r: Any  # [G·H, H]
    b: Any  # [2G·H]
    p: Any  # [3H] for i, o, f


class Gates(NamedTuple):
    """Names of fused gates in both orders, the candidate's being ``c``."""

    ours: str
    onnx: str
    ours_peephole: str = ""
    onnx_peephole: str = "iof"


def gates_of(cell: Any) -> Gates:
    """Finds the orders of the gates of a cell.

    Example:
      >>> gates_of(GRU(5)).onnx
      'zrc'
    """
    if isinstance(cell, (LSTM, OnnxLSTM)):
        ours = ("ico", "io") if cell.coupled else ("ifco", "ifo")
        return Gates(ours[0], "iofc", ours[1])
    return Gates("rzc", "zrc") if isinstance(cell, (GRU, OnnxGRU)) else Gates("c", "c")


def reorder(fused: np.ndarray, old: str, new: str) -> Any:
    """Puts gates fused on the last axis in another order, zeros for one not there.

    Example:
      >>> reorder(np.array([1, 2]), "io", "oif")
      array([2, 1, 0])
    """
    parts = dict(zip(old, np.split(fused, len(old), axis=-1), strict=True))
    nothing = np.zeros_like(next(iter(parts.values())))
    return np.concatenate([parts.get(gate, nothing) for gate in new], axis=-1)


def to_params(cell: Any, weights: Weights) -> Any:
    """Makes the params of ``cell``; both biases merge but for the one in the reset.

    Example:
      >>> w = np.ones((5, 3), np.float32), np.ones((5, 5), np.float32)
      >>> to_params(Elman(5), Weights(*w, b=np.ones(10, np.float32), p=None)).b
      array([2., 2., 2., 2., 2.], dtype=float32)
    """
    gates = gates_of(cell)
    b = (
        np.zeros(2 * len(weights.w), weights.w.dtype)
        if weights.b is None
        else weights.b
    )
    b_w, b_r = (reorder(b, gates.onnx, gates.ours) for b in np.split(b, 2))
    w_ih, w_hh = (reorder(w.T, gates.onnx, gates.ours) for w in weights[:2])
    if isinstance(cell, (LSTM, OnnxLSTM)):
        p = weights.p
        p = None if p is None else reorder(p, gates.onnx_peephole, gates.ours_peephole)
        return LSTMParams(w_ih, w_hh, b_w + b_r, p)
    if isinstance(cell, (GRU, OnnxGRU)):
        return _gru_params(cell, w_ih, w_hh, b_w, b_r)
    return ElmanParams(w_ih, w_hh, b_w + b_r)


def _gru_params(cell: Any, w_ih: Any, w_hh: Any, b_w: Any, b_r: Any) -> GRUParams:
    if not cell.reset_after:
        return GRUParams(w_ih, w_hh, b_w + b_r, None)
    b_hn = b_r[2 * cell.hidden_size :]
    outside = np.concatenate([b_r[: 2 * cell.hidden_size], np.zeros_like(b_hn)])
    return GRUParams(w_ih, w_hh, b_w + outside, b_hn)


def from_params(cell: Any, params: Any) -> Weights:
    """Makes ONNX's weights, with our bias as that of the input product.

    Example:
      >>> params = GRU(5).init(jax.random.key(0), 3)
      >>> from_params(GRU(5), params).b.shape
      (30,)
    """
    gates = gates_of(cell)
    order = gates.ours, gates.onnx
    w, r = (reorder(np.asarray(w), *order).T for w in params[:2])
    b = reorder(np.asarray(params.b), *order)
    b_r = np.zeros_like(b)
    if getattr(params, "b_hn", None) is not None:
        b_r[-len(params.b_hn) :] = params.b_hn
    p = getattr(params, "w_ch", None)
    looks = gates.ours_peephole, gates.onnx_peephole
    p = None if p is None else reorder(np.asarray(p), *looks)
    return Weights(w, r, np.concatenate([b, b_r]), p)
