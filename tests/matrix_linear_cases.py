"""Rows of the matrix-valued cells of ``recur.linear_rnn``."""

import numpy as np

from recur import linear_rnn
from tests.reference import matrix as paper

EPS = 0.1
"""Large, as directions of short vectors have steep derivatives."""


def _linear_attention(p, s, xs):
    """With the normaliser in the last column."""
    weights = *np.split(p.w_ih, 3, axis=-1), *np.split(p.b, 3)
    (s, z), ys = paper.linear_attention(*weights, s[..., :-1], s[..., -1], xs)
    return np.concatenate([s, z[..., None]], axis=-1), ys


def _delta_net(top):
    def reference(p, carry, xs):
        weights = p.w_ih, p.w_conv[::-1], p.w_b, p.gain, p.w_ho
        (s, past), ys = paper.delta_net(*weights, *carry, xs, top)
        return linear_rnn.DeltaNetCarry(s, tuple(past)), ys

    return reference


def _gated_delta_net(p, carry, xs):
    w = {"ih": p.w_ih, "conv": p.w_conv[::-1], "a": p.w_a, "b_a": p.b_a, "b": p.w_b}
    w |= {"rate": p.rate, "gate": p.w_gate}
    (s, past), ys = paper.gated_delta_net(w, p.gain, p.w_ho, *carry, xs, EPS)
    return linear_rnn.DeltaNetCarry(s, tuple(past)), ys


def _gla(p, s, xs):
    weights = *np.split(p.w_qk, 2, axis=-1), *np.split(p.w_vg, 2, axis=-1)
    return paper.gla(*weights, p.w_down @ p.w_up, p.b, p.gain, p.w_ho, s, xs)


def _retention(p, carry, xs):
    weights = np.split(p.w_ih, np.array([1, 2, 4]) * p.w_ho.shape[1], axis=-1)
    carry, ys = paper.retention(*weights, p.w_ho, *carry, xs)
    return linear_rnn.RetentionCarry(*carry), ys


def _hgrn2(bound):
    def reference(p, s, xs):
        return paper.hgrn2(*np.split(p.w_ih, 3, axis=-1), *p[1:], bound, s, xs)

    return reference


def _m_lstm_layer(cell):
    def reference(p, carry, xs):
        keys, wide = cell.key_size(), cell.value_size()
        parts = np.split(p.w_ih, (keys, 2 * keys, 2 * keys + wide), axis=-1)
        w = dict(zip("qkvo", parts, strict=True))
        (w_i, w_f), (b_i, b_f) = (np.split(a, 2, -1) for a in (p.w_gates, p.b_gates))
        weights = w, w_i, b_i, w_f, b_f, p.gain, p.w_ho, cell.cap
        start = carry.s[..., :-1], carry.s[..., -1], carry.m
        (c, n, m), ys = paper.m_lstm_layer(*weights, *start, xs)
        s = np.concatenate([c, n[..., None]], axis=-1)
        return linear_rnn.MLSTMCarry(s, m), ys

    return cell, reference


ROWS = {
    "linear-attention": (linear_rnn.LinearAttention(4, heads=2), _linear_attention),
    "delta-net-two-heads": (
        linear_rnn.DeltaNet(4, heads=2, width=2),
        _delta_net(1.0),
    ),
    "delta-net-negative": (
        linear_rnn.DeltaNet(4, heads=2, width=2, negative=True),
        _delta_net(2.0),
    ),
    "gated-delta-net": (
        linear_rnn.GatedDeltaNet(4, heads=2, width=2, eps=EPS),
        _gated_delta_net,
    ),
    "kimi-delta": (
        linear_rnn.GatedDeltaNet(4, heads=2, width=2, gate="row", eps=EPS),
        _gated_delta_net,
    ),
    "retention": (linear_rnn.Retention(4, heads=2), _retention),
    "gla": (linear_rnn.GLA(8, heads=2, rank=2), _gla),
    "gla-head": (linear_rnn.GLA(8, heads=2, rank=2, gate="head"), _gla),
    "m-lstm-layer": _m_lstm_layer(
        linear_rnn.MLSTMLayer(4, heads=2, key_features=2, value_features=6, cap=2.0)
    ),
    "hgrn2": (linear_rnn.HGRN2(4, heads=2), _hgrn2(0.0)),
    "hgrn2-bound": (linear_rnn.HGRN2(4, heads=2, lower_bound=0.3), _hgrn2(0.3)),
}
"""By name: the cell, and its equations in float64 of ``(params, carry, xs)``."""

PARAMS = {
    linear_rnn.LinearAttention: linear_rnn.LinearAttentionParams,
    linear_rnn.DeltaNet: linear_rnn.DeltaNetParams,
    linear_rnn.GatedDeltaNet: linear_rnn.GatedDeltaNetParams,
    linear_rnn.Retention: linear_rnn.RetentionParams,
    linear_rnn.GLA: linear_rnn.GLAParams,
    linear_rnn.MLSTMLayer: linear_rnn.MLSTMLayerParams,
    linear_rnn.HGRN2: linear_rnn.HGRN2Params,
}
"""By cell: what its params are."""


def _still_linear_attention(s, x):
    s = s + np.eye(s.shape[-1])[-1]
    o = s.sum(-2)
    return s, paper.merged(o[..., :-1] / (o[..., -1:] + 1e-6))


def _shifted(past):
    return (np.zeros_like(past[0]), *past[:-1])


def _still_delta_net(kept):
    def still(carry, x):
        zeros = np.zeros((*x.shape[:-1], 4))
        return carry._replace(s=kept * carry.s, past=_shifted(carry.past)), zeros

    return still


def _decayed(by, size):
    return lambda s, x: (by * s, np.zeros((*x.shape[:-1], size)))


def _still_retention(carry, x):
    kept = 1 - 2.0 ** (-5 - np.arange(2)[:, None, None])
    zeros = np.zeros((*x.shape[:-1], 4))
    return carry._replace(s=kept * carry.s, t=carry.t + 1), zeros


def _still_m_lstm_layer(carry, x):
    m = np.maximum(carry.m - np.log(2), 0)
    kept = np.exp(carry.m - np.log(2) - m)[..., None, None]
    zeros = np.zeros((*x.shape[:-1], 4))
    return linear_rnn.MLSTMCarry(kept * carry.s, m), zeros


STILL = {
    "linear-attention": _still_linear_attention,
    "delta-net-two-heads": _still_delta_net(1.0),
    "delta-net-negative": _still_delta_net(1.0),
    "gated-delta-net": _still_delta_net(0.5),
    "kimi-delta": _still_delta_net(0.5),
    "retention": _still_retention,
    "gla": _decayed(2 ** (-1 / 16), 8),
    "gla-head": _decayed(2 ** (-1 / 16), 8),
    "m-lstm-layer": _still_m_lstm_layer,
    "hgrn2": _decayed(0.5, 4),
    "hgrn2-bound": _decayed(0.65, 4),
}
"""By name: ``(carry, x) -> (carry, y)`` of one step with all params zero."""
