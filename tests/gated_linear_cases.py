"""Rows of the gated cells of ``recur.linear_rnn``, for :mod:`tests.linear_cases`."""

import numpy as np

from recur import linear_rnn
from tests.reference import gated_linear as paper


def gates(a, parts):
    return np.split(a, parts, axis=-1)


def named(names, a):
    return dict(zip(names, gates(a, len(names)), strict=True))


def _min_lstm(g):
    def reference(p, h, xs):
        pairs = zip(gates(p.w_ih, 3), gates(p.b, 3), strict=True)
        return paper.min_lstm(*(a for pair in pairs for a in pair), h, xs, g)

    return reference


def qrnn(width, pooling):
    names = "zfoi"[: 1 + len(pooling)]

    def reference(p, carry, xs):
        w = {n: np.split(a, width) for n, a in named(names, p.w_ih).items()}
        b = named(names, p.b)
        (c, past), ys = paper.qrnn(w, b, carry.c, carry.past, xs, pooling)
        return linear_rnn.QRNNCarry(c, tuple(past)), ys

    return reference


def _sru(p, c, xs):
    """With a highway of its own in the scale of a bias of zero."""
    w_u, w_f, w_r, *w_s = gates(p.w_ih, p.w_ih.shape[1] // c.shape[-1])
    around = lambda x: x @ w_s[0] if w_s else np.sqrt(3) * x
    return paper.sru(w_u, w_f, w_r, *gates(p.b, 2), c, xs, around)


def _hgrn(p, h, xs):
    return paper.hgrn(*gates(p.w_ih, 3), p.gain, p.w_ho, 0.3, h, xs)


def _t_rnn(p, h, xs):
    (w_z, w_f), (b_z, b_f) = gates(p.w_ih, 2), gates(p.b, 2)
    return paper.t_rnn(w_z, b_z, w_f, b_f, h, xs)


def _typed(roll, kind):
    def reference(p, carry, xs):
        weights = (named("zfo", a) for a in (p.w_ih, p.w_past, p.b))
        carry, ys = roll(*weights, *carry, xs)
        return kind(*carry), ys

    return reference


def _heads(w_gates, b):
    """W_r, W_i, b_r and b_i."""
    return *gates(w_gates, 2), *gates(b, 2)


def _rg_lru(p, h, xs):
    return paper.rg_lru(*_heads(p.w_gates, p.b), p.retention, h, xs)


def _griffin(p, carry, xs):
    (w_g, w_u), (b_g, b_u) = gates(p.w_ih, 2), gates(p.b, 2)
    ways = w_g, b_g, w_u, b_u, p.w_conv[::-1], p.b_conv
    unit = *_heads(p.w_gates, p.b_gates), p.retention
    (h, past), ys = paper.griffin(*ways, unit, p.w_ho, p.b_ho, *carry, xs)
    return linear_rnn.GriffinCarry(h, tuple(past)), ys


ROWS = {
    "min-lstm": (linear_rnn.MinLSTM(5), _min_lstm(lambda u: u)),
    "min-lstm-positive": (
        linear_rnn.MinLSTM(5, positive=True),
        _min_lstm(paper.positive),
    ),
    "qrnn": (linear_rnn.QRNN(5), qrnn(2, "fo")),
    "qrnn-ifo": (linear_rnn.QRNN(4, width=3, pooling="ifo"), qrnn(3, "ifo")),
    "sru": (linear_rnn.SRU(3), _sru),
    "sru-projection": (linear_rnn.SRU(5, projection=True), _sru),
    "hgrn": (linear_rnn.HGRN(5, lower_bound=0.3), _hgrn),
    "t-rnn": (linear_rnn.TRNN(5), _t_rnn),
    "t-gru": (linear_rnn.TGRU(5), _typed(paper.t_gru, linear_rnn.TGRUCarry)),
    "t-lstm": (linear_rnn.TLSTM(5), _typed(paper.t_lstm, linear_rnn.TLSTMCarry)),
    "rg-lru": (linear_rnn.RGLRU(3, heads=3), _rg_lru),
    "griffin": (linear_rnn.GriffinBlock(5, recurrent_size=4, heads=2), _griffin),
}
"""By name: the cell, and its equations in float64 of ``(params, carry, xs)``."""

PARAMS = {
    linear_rnn.MinLSTM: linear_rnn.MinLSTMParams,
    linear_rnn.QRNN: linear_rnn.QRNNParams,
    linear_rnn.SRU: linear_rnn.SRUParams,
    linear_rnn.HGRN: linear_rnn.HGRNParams,
    linear_rnn.TRNN: linear_rnn.TRNNParams,
    linear_rnn.TGRU: linear_rnn.TGRUParams,
    linear_rnn.TLSTM: linear_rnn.TLSTMParams,
    linear_rnn.RGLRU: linear_rnn.RGLRUParams,
    linear_rnn.GriffinBlock: linear_rnn.GriffinParams,
}
"""By cell: what its params are."""


def _kept(by, read):
    return lambda h, x: (by * h, read * h)


def _pooled(s, x):
    return linear_rnn.QRNNCarry(0.5 * s.c, (x, *s.past[:-1])), 0.25 * s.c


def _still_rg_lru(h, x):
    h = h / 16 + 0.5 * np.sqrt(255 / 256) * x
    return h, h


def _still_griffin(s, x):
    past = np.zeros_like(s.h), *s.past[:-1]
    return linear_rnn.GriffinCarry(s.h / 16, past), np.zeros((*x.shape[:-1], 5))


STILL = {
    "min-lstm": _kept(0.5, 0.5),
    "min-lstm-positive": lambda h, x: (0.5 * h + 0.25, 0.5 * h + 0.25),
    "qrnn": _pooled,
    "qrnn-ifo": _pooled,
    "sru": lambda c, x: (0.5 * c, 0.25 * c + 0.5 * np.sqrt(3) * x),
    "sru-projection": _kept(0.5, 0.25),
    "hgrn": _kept(0.65, 0.0),
    "t-rnn": _kept(0.5, 0.5),
    "t-gru": lambda s, x: (linear_rnn.TGRUCarry(0.5 * s.h, x), 0.5 * s.h),
    "t-lstm": lambda s, x: (linear_rnn.TLSTMCarry(0.5 * s.c, x), 0 * s.c),
    "rg-lru": _still_rg_lru,
    "griffin": _still_griffin,
}
"""By name: ``(carry, x) -> (carry, y)`` of one step with all params zero."""
