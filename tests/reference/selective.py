"""Selective recurrences in NumPy, one step after the other, from the papers.

All are analytic, so that a tiny imaginary part gives their derivatives.
"""

import numpy as np

from tests.reference.linear import rolled, sigmoid, silu


def log_1p_exp(u):
    return np.log1p(np.exp(u))


def convolved(taps, b, u, past):
    """``taps[k]`` is for k steps ago: ``(c, window)``."""
    window = [u, *past]
    return sum(t * a for t, a in zip(taps, window, strict=True)) + b, window[:-1]


def mamba(w_u, w_z, taps, b_c, select, w_dt, b_dt, a_log, d, w_o, s, past, xs):
    """Gu and Dao (2023), algorithm 2, with dt B for B; ``select`` is r, B and C."""
    w_r, w_b, w_c = select

    def step(state, x):
        s, past = state
        c, past = convolved(taps, b_c, x @ w_u, past)
        c = silu(c)
        dt = log_1p_exp((c @ w_r) @ w_dt + b_dt)
        states = []
        for n in range(s.shape[-1]):
            kept = np.exp(dt * -np.exp(a_log[:, n]))
            states.append(kept * s[..., n] + dt * c * (c @ w_b)[..., [n]])
        new = np.stack(states, axis=-1)
        y = np.einsum("...en,...n->...e", new, c @ w_c) + d * c
        return (new, past), (y * silu(x @ w_z)) @ w_o

    return rolled(step, (s, past), xs)


def rms(a, gain, eps=1e-5):
    return a / np.sqrt(np.mean(a * a, axis=-1, keepdims=True) + eps) * gain


def mamba2(
    w_z, w_conv, w_dt, taps, b_c, b_dt, a_log, d, gain, w_o, groups, s, past, xs
):
    """Dao and Gu (2024); ``w_conv`` is for x, B and C, and ``s`` of N by P."""
    heads, size, width = s.shape[-3:]
    wide = heads * width

    def step(state, x):
        s, past = state
        c, past = convolved(taps, b_c, x @ w_conv, past)
        c = silu(c)
        of_groups = c[..., wide:].reshape(*c.shape[:-1], 2, groups, size)
        dt = log_1p_exp(x @ w_dt + b_dt)
        states, ys = [], []
        for n in range(heads):
            b, read = (of_groups[..., j, n * groups // heads, :] for j in (0, 1))
            u, dt_n = c[..., n * width : (n + 1) * width], dt[..., [n]]
            kept = np.exp(-np.exp(a_log[n]) * dt_n)[..., None]
            states.append(kept * s[..., n, :, :] + outer(b, dt_n * u))
            ys.append(found(read, states[-1]) + d[n] * u)
        y = np.concatenate(ys, axis=-1) * silu(x @ w_z)
        normal = rms(y.reshape(*y.shape[:-1], groups, -1), 1).reshape(y.shape)
        return (np.stack(states, axis=-3), past), (normal * gain) @ w_o

    return rolled(step, (s, past), xs)


def outer(k, v):
    return k[..., :, None] * v[..., None, :]


def found(q, s):
    return np.einsum("...k,...kv->...v", q, s)


def larger(a, b):
    """By their real parts."""
    return np.where(np.real(a) >= np.real(b), a, b)


def m_lstm(w, b, w_i, b_i, w_f, b_f, c, n, m, xs, log_f):
    """Beck et al. (2024), equations 19 to 27; ``w`` has a matrix for each of qkvo."""
    heads, size = c.shape[-3:-1]

    def step(state, x):
        c, n, m = state
        q, k, v, o = (
            (x @ w[g] + b[g]).reshape(*x.shape[:-1], heads, size) for g in "qkvo"
        )
        k = k / np.sqrt(size)
        log_i, kept = x @ w_i + b_i, log_f(x @ w_f + b_f) + m
        m = larger(kept, log_i)
        f, i = np.exp(kept - m)[..., None], np.exp(log_i - m)[..., None]
        c, n = f[..., None] * c + outer(i * k, v), f * n + i * k
        qn = np.sum(q * n, axis=-1)
        below = larger(np.where(np.real(qn) >= 0, qn, -qn), np.exp(-m))
        h = sigmoid(o) * found(q, c) / below[..., None]
        return (c, n, m), h.reshape(*x.shape[:-1], -1)

    return rolled(step, (c, n, m), xs)


def shifted(mu, x, before):
    return mu * x + (1 - mu) * before


def rwkv4(mu, w, decay, u, w_o, a, b, p, before, xs):
    """Peng et al. (2023): the sums themselves, and again as they are carried."""

    def step(state, x):
        a, b, p, before = state
        k, v, r = (shifted(mu[n], x, before) @ w[n] for n in "kvr")
        whole_a, whole_b = np.exp(p) * a, np.exp(p) * b
        mean = (whole_a + np.exp(u + k) * v) / (whole_b + np.exp(u + k))
        kept = np.exp(-np.exp(decay))
        whole_a, whole_b = kept * whole_a + np.exp(k) * v, kept * whole_b + np.exp(k)
        p = larger(p - np.exp(decay), k)
        state = whole_a / np.exp(p), whole_b / np.exp(p), p, x
        return state, (sigmoid(r) * mean) @ w_o

    return rolled(step, (a, b, p, before), xs)


def rwkv7(p, mu, heads, s, before, xs):
    """Peng et al. (2025), in the first layer; ``s`` of values by keys, as there."""

    def each(a):
        return a.reshape(*a.shape[:-1], heads, -1)

    def step(state, x):
        s, before = state
        at = {n: x + (before - x) * mu[n] for n in "rwkvag"}
        r, k, v = at["r"] @ p.w_r, at["k"] @ p.w_k, at["v"] @ p.w_v
        d = np.tanh(at["w"] @ p.decay_in) @ p.decay_out + p.b_decay
        w = np.exp(-np.exp(-0.5) * sigmoid(d))
        a = sigmoid(at["a"] @ p.rate_in @ p.rate_out + p.b_rate)
        g = sigmoid(at["g"] @ p.gate_in) @ p.gate_out
        kk = each(k * p.erase)
        kk = kk / np.sqrt(np.sum(kk * kk, axis=-1, keepdims=True))
        k = k + k * (a - 1) * p.write
        r, w, k, v, a = map(each, (r, w, k, v, a))
        looked = np.einsum("...vk,...k->...v", s, kk)
        s = s * w[..., None, :] - outer(looked, kk * a) + outer(v, k)
        y = np.einsum("...vk,...k->...v", s, r)
        y = y - np.mean(y, axis=-1, keepdims=True)
        y = y / np.sqrt(np.mean(y * y, axis=-1, keepdims=True) + 64e-5)
        y = y * each(p.gain) + each(p.b_norm)
        y = y + np.sum(r * k * each(p.bonus), axis=-1, keepdims=True) * v
        return (s, x), (y.reshape(g.shape) * g) @ p.w_ho

    return rolled(step, (s, before), xs)
