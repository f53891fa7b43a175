"""Rows of the cells of ``recur.linear_rnn``, for :mod:`tests.cases`."""

import numpy as np

from recur import linear_rnn
from tests import complex_linear_cases as complex_
from tests import gated_linear_cases as gated
from tests import matrix_linear_cases as matrix
from tests import selective_linear_cases as selective
from tests.reference import linear


def halves(a, parts=2):
    return np.split(a, parts, axis=-1)


def _ema(p, h, xs):
    return linear.ema(p.w_ih, p.b, p.retention, h, xs)


def _min_gru(positive):
    def reference(p, h, xs):
        (w_z, w_n), (b_z, b_n) = halves(p.w_ih), halves(p.b)
        return linear.min_gru(w_z, b_z, w_n, b_n, h, xs, positive=positive)

    return reference


LINEAR = {
    "ema": (linear_rnn.EMA(5), _ema),
    "min-gru": (linear_rnn.MinGRU(5), _min_gru(False)),
    "min-gru-positive": (linear_rnn.MinGRU(5, positive=True), _min_gru(True)),
    **gated.ROWS,
    **complex_.ROWS,
    **selective.ROWS,
    **matrix.ROWS,
}
"""By name: the cell, and its equations in float64 of ``(params, carry, xs)``."""

PARAMS = {
    linear_rnn.EMA: linear_rnn.EMAParams,
    linear_rnn.MinGRU: linear_rnn.MinGRUParams,
    **gated.PARAMS,
    **complex_.PARAMS,
    **selective.PARAMS,
    **matrix.PARAMS,
}
"""By cell: what its params are."""

STILL = {
    "ema": lambda h, x: (0.5 * h, 0.5 * h),
    "min-gru": lambda h, x: (0.5 * h, 0.5 * h),
    "min-gru-positive": lambda h, x: (0.5 * h + 0.25, 0.5 * h + 0.25),
    **gated.STILL,
    **complex_.STILL,
    **selective.STILL,
    **matrix.STILL,
}
"""By name: ``(carry, x) -> (carry, y)`` of one step with all params zero."""

_AS = {
    "min-gru": "min-gru-positive min-lstm min-lstm-positive sru sru-projection hgrn "
    "t-rnn rg-lru",
    "t-lstm": "qrnn t-gru",
    "mamba": "qrnn-ifo",
    "s5-bilinear": "lru s4d s5",
    "m-lstm": "m-lstm-exp m-lstm-layer mamba2",
    "gla": "hgrn2 hgrn2-bound",
    "gla-head": "linear-attention",
    "gated-delta-net": "delta-net-two-heads delta-net-negative",
    "kimi-delta": "rwkv7",
}
ROLLED_AS = {name: first for first, names in _AS.items() for name in names.split()}
"""By name: the row whose step is rolled in the same way, with all laws of rolls."""
