"""The time mixing of RWKV-6 in NumPy, step by step, from Peng et al. (2024)."""

import numpy as np

from tests.reference.linear import rolled, silu


def lerp(mu, x, before):
    """As in the paper: how much of the one before."""
    return x + (before - x) * mu


def rwkv6(p, mu, w, low, s, before, xs):
    """By name: mixes ``mu`` and ``low`` of x, w, k, v, r, g, and matrices ``w``."""
    heads = s.shape[-3]

    def each(a):
        return a.reshape(*a.shape[:-1], heads, -1)

    def step(state, x):
        s, before = state
        seen = lerp(mu["x"], x, before)
        at = {}
        for n, (into, out) in low.items():
            at[n] = lerp(mu[n] + np.tanh(seen @ into) @ out, x, before)
        k, v, r, g = (each(at[n] @ w[n]) for n in "kvrg")
        d = np.tanh(at["w"] @ p.decay_in) @ p.decay_out + p.b_decay
        kv = k[..., :, None] * v[..., None, :]
        now = s + each(p.bonus)[..., None] * kv
        o = np.einsum("...k,...kv->...v", r, now)
        o = o - np.mean(o, axis=-1, keepdims=True)
        o = o / np.sqrt(np.mean(o * o, axis=-1, keepdims=True) + 64e-5)
        o = (o * each(p.gain) + each(p.b_norm)) * silu(g)
        s = each(np.exp(-np.exp(d)))[..., None] * s + kv
        return (s, x), o.reshape(*x.shape[:-1], -1) @ p.w_ho

    return rolled(step, (s, before), xs)
