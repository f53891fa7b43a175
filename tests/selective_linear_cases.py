"""Rows of selective cells of ``recur.linear_rnn``, for :mod:`tests.linear_cases`."""

import numpy as np

from recur import linear_rnn
from tests.reference import selective as paper
from tests.reference.rwkv6 import rwkv6


def halves(a):
    return np.split(a, 2, axis=-1)


def _mamba(p, carry, xs):
    rank, size = p.w_dt.shape[0], p.log_decay.shape[1]
    select = np.split(p.w_select, (rank, rank + size), axis=-1)
    front = *halves(p.w_ih), p.w_conv[::-1], p.b_conv
    unit = select, p.w_dt, p.b_dt, p.log_decay, p.d
    (s, past), ys = paper.mamba(*front, *unit, p.w_ho, *carry, xs)
    return linear_rnn.MambaCarry(s, tuple(past)), ys


def _mamba2(cell):
    def reference(p, carry, xs):
        wide, seen = len(p.gain), len(p.b_conv)
        of_input = np.split(p.w_ih, (wide, wide + seen), axis=-1)
        taps = p.w_conv[::-1], p.b_conv, p.b_dt
        unit = p.log_decay, p.d, p.gain, p.w_ho, cell.groups
        (s, past), ys = paper.mamba2(*of_input, *taps, *unit, *carry, xs)
        return linear_rnn.Mamba2Carry(s, tuple(past)), ys

    return cell, reference


def _m_lstm(log_f):
    def reference(p, carry, xs):
        w, b = (
            dict(zip("qkvo", np.split(a, 4, axis=-1), strict=True))
            for a in (p.w_ih, p.b)
        )
        (w_i, w_f), (b_i, b_f) = halves(p.w_gates), halves(p.b_gates)
        start = carry.s[..., :-1], carry.s[..., -1], carry.m
        state, ys = paper.m_lstm(w, b, w_i, b_i, w_f, b_f, *start, xs, log_f)
        c, n, m = state
        s = np.concatenate([c, n[..., None]], axis=-1)
        return linear_rnn.MLSTMCarry(s, m), ys

    return reference


def _rwkv4(p, carry, xs):
    mu = dict(zip("kvr", np.split(p.mix, 3), strict=True))
    w = {"k": p.w_k, "v": p.w_v, "r": p.w_r}
    state, ys = paper.rwkv4(mu, w, p.decay, p.bonus, p.w_ho, *carry, xs)
    return linear_rnn.RWKV4Carry(*state), ys


def _rwkv6(p, carry, xs):
    mu = dict(zip("xwkvrg", np.split(p.mix, 6), strict=True))
    pairs = zip(np.split(p.mix_in, 5, -1), np.split(p.mix_out, 5), strict=True)
    low = dict(zip("wkvrg", pairs, strict=True))
    w = {"k": p.w_k, "v": p.w_v, "r": p.w_r, "g": p.w_g}
    state, ys = rwkv6(p, mu, w, low, *carry, xs)
    return linear_rnn.RWKV6Carry(*state), ys


def _rwkv7(p, carry, xs):
    mu = dict(zip("rwkvag", np.split(p.mix, 6), strict=True))
    s = np.swapaxes(carry.s, -1, -2)
    (s, past), ys = paper.rwkv7(p, mu, s.shape[-3], s, carry.past, xs)
    return linear_rnn.RWKV7Carry(np.swapaxes(s, -1, -2), past), ys


ROWS = {
    "mamba": (linear_rnn.Mamba(4, state_size=3, expand=1, width=3, rank=2), _mamba),
    "mamba2": _mamba2(
        linear_rnn.Mamba2(4, heads=2, state_size=3, expand=1, groups=2, width=2)
    ),
    "m-lstm": (linear_rnn.MLSTM(4, heads=2), _m_lstm(lambda u: -paper.log_1p_exp(-u))),
    "m-lstm-exp": (linear_rnn.MLSTM(4, forget="exp"), _m_lstm(lambda u: u)),
    "rwkv4": (linear_rnn.RWKV4(4), _rwkv4),
    "rwkv6": (linear_rnn.RWKV6(6, heads=2, mix_rank=2, decay_rank=2), _rwkv6),
    "rwkv7": (
        linear_rnn.RWKV7(4, heads=2, decay_rank=2, rate_rank=3, gate_rank=2),
        _rwkv7,
    ),
}
"""By name: the cell, and its equations in float64 of ``(params, carry, xs)``."""

PARAMS = {
    linear_rnn.Mamba: linear_rnn.MambaParams,
    linear_rnn.Mamba2: linear_rnn.Mamba2Params,
    linear_rnn.MLSTM: linear_rnn.MLSTMParams,
    linear_rnn.RWKV4: linear_rnn.RWKV4Params,
    linear_rnn.RWKV6: linear_rnn.RWKV6Params,
    linear_rnn.RWKV7: linear_rnn.RWKV7Params,
}
"""By cell: what its params are."""


def window(past, a):
    return np.zeros_like(a), *past[:-1]


def _still_mamba(carry, x):
    past = window(carry.past, carry.past[0])
    return linear_rnn.MambaCarry(0.5 * carry.s, past), np.zeros((*x.shape[:-1], 4))


def _still_mamba2(carry, x):
    """A rate of one for the time log 2."""
    past = window(carry.past, carry.past[0])
    return linear_rnn.Mamba2Carry(0.5 * carry.s, past), np.zeros((*x.shape[:-1], 4))


def _still_m_lstm(log_f):
    def step(carry, x):
        m = np.maximum(carry.m + log_f, 0)
        kept = np.exp(carry.m + log_f - m)[..., None, None]
        out = np.zeros((*x.shape[:-1], 4))
        return linear_rnn.MLSTMCarry(kept * carry.s, m), out

    return step


def _still_rwkv4(carry, x):
    m = np.maximum(carry.m - 1, 0)
    kept, now = np.exp(carry.m - 1 - m), np.exp(-m)
    sums = kept * carry.above, kept * carry.below + now
    return linear_rnn.RWKV4Carry(*sums, m, x), np.zeros((*x.shape[:-1], 4))


def _still_rwkv(kept, size):
    def step(carry, x):
        zeros = np.zeros((*x.shape[:-1], size))
        return carry._replace(s=kept * carry.s, past=x), zeros

    return step


STILL = {
    "mamba": _still_mamba,
    "mamba2": _still_mamba2,
    "m-lstm": _still_m_lstm(-np.log(2)),
    "m-lstm-exp": _still_m_lstm(0.0),
    "rwkv4": _still_rwkv4,
    "rwkv6": _still_rwkv(np.exp(-1), 6),
    "rwkv7": _still_rwkv(np.exp(-0.5 * np.exp(-0.5)), 4),
}
"""By name: ``(carry, x) -> (carry, y)`` of one step with all params zero."""
