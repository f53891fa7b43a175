"""Recurrences of matrices in NumPy, one step after the other, from the papers.

Heads are the axis before the last of vectors. All are analytic, so that a tiny
imaginary part gives their derivatives.
"""

import numpy as np

from tests.reference.linear import rolled, sigmoid, silu


def in_heads(a, heads):
    return a.reshape(*a.shape[:-1], heads, -1)


def merged(a):
    return a.reshape(*a.shape[:-2], -1)


def outer(k, v):
    return np.einsum("...k,...v->...kv", k, v)


def found(q, s):
    return np.einsum("...k,...kv->...v", q, s)


def rms(a, gain=1.0, eps=1e-5):
    return gain * a / np.sqrt(np.mean(a * a, -1, keepdims=True) + eps)


def above_zero(u):
    """Elu plus one."""
    return np.where(np.real(u) > 0, u + 1, np.exp(np.where(np.real(u) > 0, 0, u)))


def linear_attention(w_q, w_k, w_v, b_q, b_k, b_v, s, z, xs, eps=1e-6):
    """Katharopoulos et al. (2020), equations 16 to 20."""
    heads = z.shape[-2]

    def step(state, x):
        s, z = state
        q, k = above_zero(x @ w_q + b_q), above_zero(x @ w_k + b_k)
        q, k, v = (in_heads(a, heads) for a in (q, k, x @ w_v + b_v))
        s, z = s + outer(k, v), z + k
        norm = np.einsum("...k,...k->...", q, z) + eps
        return (s, z), merged(found(q, s) / norm[..., None])

    return rolled(step, (s, z), xs)


def convolved(w, past, u):
    """``w[k]`` is for the input k steps ago."""
    window = [u, *past]
    return silu(sum(a * b for a, b in zip(w, window, strict=True))), window[:-1]


def unit(a, eps=1e-6):
    return a / np.sqrt(np.sum(a * a, -1, keepdims=True) + eps)


def delta(s, k, v, beta):
    """Yang et al. (2024): what is held at a key goes, what is written comes."""
    return s + outer(beta * k, v - found(k, s))


def delta_net(w_ih, w_conv, w_b, gain, w_o, s, past, xs, top=1.0):
    """Yang et al. (2024), with ``top`` the largest write."""
    heads = s.shape[-3]

    def step(state, x):
        s, past = state
        c, past = convolved(w_conv, past, x @ w_ih)
        q, k, v = (in_heads(a, heads) for a in np.split(c, 3, axis=-1))
        beta = top * sigmoid(x @ w_b)[..., None]
        s = delta(s, unit(k), v, beta)
        o = found(unit(q), s) / np.sqrt(s.shape[-2])
        return (s, past), merged(rms(o, gain)) @ w_o

    return rolled(step, (s, past), xs)


def gated_delta_net(w, gain, w_o, s, past, xs, eps):
    """Yang et al. (2024): decays, then writes by the delta rule; ``w`` by name."""
    heads = s.shape[-3]

    def step(state, x):
        s, past = state
        c, past = convolved(w["conv"], past, x @ w["ih"])
        q, k, v = (in_heads(a, heads) for a in np.split(c, 3, axis=-1))
        step = in_heads(np.log(1 + np.exp(x @ w["a"] + w["b_a"])), heads)
        s = np.exp(-np.exp(w["rate"])[:, None] * step)[..., None] * s
        s = delta(s, unit(k, eps), v, sigmoid(x @ w["b"])[..., None])
        o = merged(rms(found(unit(q, eps), s) / np.sqrt(s.shape[-2]), gain))
        return (s, past), o * silu(x @ w["gate"]) @ w_o

    return rolled(step, (s, past), xs)


def gla(w_q, w_k, w_v, w_g, w_a, b_a, gain, w_o, s, xs):
    """Yang et al. (2023), section 4.4, with the gates' two matrices as one."""
    heads = s.shape[-3]

    def step(s, x):
        q, k, v = (in_heads(x @ w, heads) for w in (w_q, w_k, w_v))
        a = in_heads(sigmoid(x @ w_a + b_a) ** (1 / 16), heads)
        s = a[..., None] * s + outer(k, v)
        o = merged(rms(found(q, s) / np.sqrt(s.shape[-2]), gain))
        return s, o * silu(x @ w_g) @ w_o

    return rolled(step, s, xs)


def larger(a, b):
    """By their real parts."""
    return np.where(np.real(a) >= np.real(b), a, b)


def m_lstm_layer(w, w_i, b_i, w_f, b_f, gain, w_o, cap, c, n, m, xs, eps=1e-6):
    """Beck et al. (2025), section 3; ``w`` has a matrix for each of qkvo."""
    heads = m.shape[-1]

    def capped(u):
        return cap * np.tanh(u / cap)

    def step(state, x):
        c, n, m = state
        q, k, v, o = (in_heads(x @ w[g], heads) for g in "qkvo")
        k = k / np.sqrt(k.shape[-1])
        log_i, log_f = capped(x @ w_i + b_i), -np.log1p(np.exp(-capped(x @ w_f + b_f)))
        new = larger(log_f + m, log_i)
        f, i = np.exp(log_f + m - new)[..., None], np.exp(log_i - new)[..., None]
        c, n = f[..., None] * c + outer(i * k, v), f * n + i * k
        qn = np.sum(q * n, -1)
        below = larger(np.where(np.real(qn) >= 0, qn, -qn), np.exp(-new)) + eps
        h = found(q, c) / below[..., None]
        h = h - np.mean(h, -1, keepdims=True)
        h = in_heads(gain, heads) * rms(h, eps=eps)
        return (c, n, new), merged(sigmoid(o) * h) @ w_o

    return rolled(step, (c, n, m), xs)


def hgrn2(w_q, w_f, w_i, gain, w_o, lower_bound, s, xs):
    """Qin et al. (2024), section 3.2."""
    heads = s.shape[-3]

    def step(s, x):
        a = in_heads(lower_bound + (1 - lower_bound) * sigmoid(x @ w_f), heads)
        s = a[..., None] * s + outer(1 - a, in_heads(x @ w_i, heads))
        o = found(in_heads(silu(x @ w_q), heads), s)
        return s, merged(rms(o, gain)) @ w_o

    return rolled(step, s, xs)


def retention(w_q, w_k, w_v, w_g, w_o, s, t, xs):
    """Sun et al. (2023), recurrent, with pairs turned by matrices."""
    heads, size = s.shape[-3:-1]
    angles = 10000.0 ** -np.linspace(0, 1, size // 2)
    kept = 1 - 2.0 ** (-5 - np.arange(heads))

    def turned(a, t):
        c, d = (np.cos(t * angles)[..., None, :], np.sin(t * angles)[..., None, :])
        one, two = a[..., : size // 2], a[..., size // 2 :]
        return np.concatenate([c * one - d * two, d * one + c * two], axis=-1)

    def step(state, x):
        s, t = state
        q, k, v = (in_heads(x @ w, heads) for w in (w_q, w_k, w_v))
        s = kept[:, None, None] * s + outer(turned(k, t), v)
        o = merged(rms(found(turned(q, t), s) / np.sqrt(size)))
        return (s, t + 1), o * silu(x @ w_g) @ w_o

    return rolled(step, (s, t), xs)
