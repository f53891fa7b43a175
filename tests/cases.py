"""One row a cell: a new cell or wrapper is one row here, and inherits every law."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import recur
from recur import initializers
from tests.linear_cases import LINEAR
from tests.reference.elman import elman, elman_unit, relu, tanh
from tests.reference.gru import gru_first_form, gru_second_form
from tests.reference.layer_norm import layer_norm_gru, layer_norm_lstm
from tests.reference.lmu import lmu
from tests.reference.lstm import lstm, lstm_coupled, lstm_peephole, lstm_projection


@dataclass(frozen=True)
class UserCell:
    """A cell as a user would write it, knowing the protocol and nothing else."""

    output_size: int
    dtype: Any = jnp.float32

    def init(self, key, input_size):
        shape = (input_size, self.output_size)
        return {"w": jax.random.normal(key, shape, self.dtype)}

    def init_carry(self, batch_shape=(), *, params=None):
        return {"s": jnp.zeros((*batch_shape, self.output_size), self.dtype)}

    def step(self, params, carry, x):
        s = jnp.tanh(0.5 * carry["s"] + x @ params["w"])
        return {"s": s}, s


@dataclass(frozen=True)
class Case:
    """A cell, the size of its input and its float64 equations, where a paper has them.

    ``reference(params, carry, xs) -> (carry, ys)`` takes NumPy arrays.
    """

    name: str
    cell: Any
    input_size: int = 3
    reference: Callable | None = None

    def with_dtype(self, dtype):
        """The same cell in another precision."""
        return replace(self, cell=_with_dtype(self.cell, dtype))


def _with_dtype(cell, dtype):
    inner = {}
    if hasattr(cell, "cells"):
        inner = {"cells": tuple(_with_dtype(c, dtype) for c in cell.cells)}
    if hasattr(cell, "cell"):
        inner = {"cell": _with_dtype(cell.cell, dtype)}
    own = {"dtype": dtype} if hasattr(cell, "dtype") else {}
    return replace(cell, **inner, **own)


def _elman(g):
    return lambda p, a, xs: elman(p.w_ih.T, p.w_hh.T, p.b, a, xs, g)


def _unit(p, a, xs):
    q = p.cell
    return elman_unit(q.w_ih.T, q.w_hh.T, p.w.T, q.b, p.b, a, xs)


def _per_gate(w, gates):
    return dict(zip(gates, np.split(w, len(gates), axis=-1), strict=True))


def _joined(p, gates):
    """Each gate's weights on [h, x], and its bias."""
    w_h, w_x = _per_gate(p.w_hh, gates), _per_gate(p.w_ih, gates)
    w = {g: np.concatenate([w_h[g], w_x[g]]).T for g in gates}
    return w, _per_gate(p.b, gates)


def _lstm(p, carry, xs):
    w, b = _joined(p, "ifgo")
    weights = [w[g] for g in "figo"] + [b[g] for g in "figo"]
    return lstm(*weights, carry.h, carry.c, xs)


def _gru_before(p, h, xs):
    w, b = _joined(p, "rzn")
    # The textbook's z writes the new value; ours keeps the old one.
    return gru_first_form(w["r"], -w["z"], w["n"], b["r"], -b["z"], b["n"], h, xs)


def _gru_after(p, h, xs):
    w_i = {g: w.T for g, w in _per_gate(p.w_ih, "rzn").items()}
    w_h = {g: w.T for g, w in _per_gate(p.w_hh, "rzn").items()}
    return gru_second_form(w_i, w_h, _per_gate(p.b, "rzn"), p.b_hn, h, xs)


def _apart(p, gates):
    """Each gate's weights on x, its weights on h, and its bias."""
    w, u = ({g: a.T for g, a in _per_gate(w, gates).items()} for w in (p.w_ih, p.w_hh))
    return w, u, _per_gate(p.b, gates)


def _lstm_peephole(p, carry, xs):
    w, u, b = _apart(p, "ifgo")
    return lstm_peephole(w, u, _per_gate(p.w_ch, "ifo"), b, carry.h, carry.c, xs)


def _lstm_coupled(p, carry, xs):
    looks = None if p.w_ch is None else _per_gate(p.w_ch, "io")
    return lstm_coupled(*_apart(p, "igo"), carry.h, carry.c, xs, looks)


def _lstm_projection(p, carry, xs):
    w, u, b = _apart(p, "ifgo")
    return lstm_projection(w, u, p.w_hr.T, b, carry.h, carry.c, xs)


def _layer_norm_lstm(p, carry, xs):
    def paper(a):
        gates = _per_gate(a, "ifgo")
        return np.concatenate([gates[g] for g in "fiog"], axis=-1)

    weights = (
        paper(p.w_hh).T,
        paper(p.w_ih).T,
        paper(p.b),
        paper(p.gain_h),
        paper(p.gain_x),
    )
    return layer_norm_lstm(*weights, p.gain_c, p.bias_c, carry.h, carry.c, xs)


def _layer_norm_gru(p, h, xs):
    w_x, w_h, b = _apart(p, "rzn")
    alpha_x, alpha_h = _per_gate(p.gain_x, "rzn"), _per_gate(p.gain_h, "rzn")
    zr = lambda w: np.concatenate([w["z"], w["r"]])
    # The paper's z writes the new value: its gains and biases are minus ours.
    writes = lambda a: np.concatenate([-a["z"], a["r"]])
    alpha = writes(alpha_h), writes(alpha_x), alpha_x["n"], alpha_h["n"]
    beta = writes(b), 0.0, b["n"], p.b_hn
    return layer_norm_gru(zr(w_h), zr(w_x), w_x["n"], w_h["n"], alpha, beta, h, xs)


def _lmu(p, carry, xs):
    (h, m), ys = lmu(*p, 4.0, *carry, xs)
    return recur.linear_rnn.LMUCarry(h, m), ys


def _stack(*references):
    def reference(params, carry, xs):
        carries = []
        for layer, p, s in zip(references, params, carry, strict=True):
            s, xs = layer(p, s, xs)
            carries.append(s)
        return tuple(carries), xs

    return reference


_uniform = {f"{name}_init": initializers.Uniform(0.7) for name in ("kernel", "bias")}

CASES = [
    Case("elman-tanh", recur.Elman(5, **_uniform), reference=_elman(tanh)),
    Case(
        "elman-relu",
        recur.Elman(5, activation=jax.nn.relu, **_uniform),
        reference=_elman(relu),
    ),
    Case("lstm", recur.LSTM(5, **_uniform), reference=_lstm),
    Case("gru", recur.GRU(5, **_uniform), reference=_gru_after),
    Case(
        "gru-reset-before",
        recur.GRU(5, reset_after=False, **_uniform),
        reference=_gru_before,
    ),
    Case(
        "readout",
        recur.Readout(recur.Elman(5), 4, activation=jax.nn.softmax),
        reference=_unit,
    ),
    Case(
        "stack",
        recur.Stack((recur.LSTM(4), recur.GRU(5))),
        reference=_stack(_lstm, _gru_after),
    ),
    Case(
        "learned-carry",
        recur.LearnedCarry(recur.LSTM(5)),
        reference=lambda p, carry, xs: _lstm(p.cell, carry, xs),
    ),
    Case(
        "lstm-peephole",
        recur.LSTM(5, peephole=True, **_uniform),
        reference=_lstm_peephole,
    ),
    Case(
        "lstm-coupled",
        recur.LSTM(5, coupled=True, **_uniform),
        reference=_lstm_coupled,
    ),
    Case(
        "lstm-coupled-peephole",
        recur.LSTM(5, coupled=True, peephole=True, **_uniform),
        reference=_lstm_coupled,
    ),
    Case(
        "lstm-projection",
        recur.LSTM(5, projection_size=4, **_uniform),
        reference=_lstm_projection,
    ),
    Case(
        "layer-norm-lstm",
        recur.LayerNormLSTM(5, **_uniform),
        reference=_layer_norm_lstm,
    ),
    Case(
        "layer-norm-gru",
        recur.LayerNormGRU(5, **_uniform),
        reference=_layer_norm_gru,
    ),
    *(Case(name, *row[:1], reference=row[1]) for name, row in LINEAR.items()),
    Case("lmu", recur.LMU(4, order=3, theta=4.0, memories=2), reference=_lmu),
    Case("user-cell", UserCell(4)),
    Case("stack-of-user-cells", recur.Stack((UserCell(4), recur.LSTM(3)))),
]
