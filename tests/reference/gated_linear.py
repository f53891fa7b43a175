"""Gated linear recurrences in NumPy, one step after the other, from the papers.

All are analytic, so that a tiny imaginary part gives their derivatives.
"""

import numpy as np

from tests.reference.linear import rolled, sigmoid, silu


def log_1p_exp(u):
    return np.log1p(np.exp(u))


def positive(u):
    """G of Feng et al. (2024)."""
    return np.where(np.real(u) >= 0, u + 0.5, sigmoid(u))


def min_lstm(w_i, b_i, w_f, b_f, w_n, b_n, h, xs, g=lambda u: u):
    """Feng et al. (2024): both gates divided by their sum."""

    def step(h, x):
        i, f = sigmoid(x @ w_i + b_i), sigmoid(x @ w_f + b_f)
        h = f / (f + i) * h + i / (f + i) * g(x @ w_n + b_n)
        return h, h

    return rolled(step, h, xs)


def qrnn(w, b, c, past, xs, pooling):
    """Bradbury et al. (2016); ``w[gate][k]`` is for the input k steps ago."""

    def step(state, x):
        c, past = state
        window = [x, *past]
        gate = lambda n: sum(x @ w for x, w in zip(window, w[n], strict=True)) + b[n]
        z, f = np.tanh(gate("z")), sigmoid(gate("f"))
        i = sigmoid(gate("i")) if "i" in pooling else 1 - f
        c = f * c + i * z
        h = sigmoid(gate("o")) * c if "o" in pooling else c
        return (c, window[:-1]), h

    return rolled(step, (c, past), xs)


def sru(w_u, w_f, w_r, b_f, b_r, c, xs, around):
    """Lei et al. (2018) without weights on the cell; ``around(x)`` goes by."""

    def step(c, x):
        f, r = sigmoid(x @ w_f + b_f), sigmoid(x @ w_r + b_r)
        c = f * c + (1 - f) * (x @ w_u)
        return c, r * c + (1 - r) * around(x)

    return rolled(step, c, xs)


def hgrn(w_f, w_c, w_g, gain, w_o, lower_bound, h, xs, eps=1e-5):
    """Qin et al. (2023), real."""

    def step(h, x):
        f = lower_bound + (1 - lower_bound) * sigmoid(x @ w_f)
        h = f * h + (1 - f) * silu(x @ w_c)
        norm = np.sqrt(np.mean(h**2, axis=-1, keepdims=True) + eps)
        return h, (gain * h / norm * silu(x @ w_g)) @ w_o

    return rolled(step, h, xs)


def t_rnn(w_z, b_z, w_f, b_f, h, xs):
    """Balduzzi and Ghifary (2016), equations of the T-RNN."""

    def step(h, x):
        f = sigmoid(x @ w_f + b_f)
        h = f * h + (1 - f) * (x @ w_z + b_z)
        return h, h

    return rolled(step, h, xs)


def _typed(w, v, b, x, past):
    z, f, o = (x @ w[n] + past @ v[n] + b[n] for n in "zfo")
    return z, sigmoid(f), np.tanh(o)


def t_gru(w, v, b, h, past, xs):
    """Balduzzi and Ghifary (2016): weights by name of the gate, z, f and o."""

    def step(state, x):
        h, past = state
        z, f, o = _typed(w, v, b, x, past)
        h = f * h + z * o
        return (h, x), h

    return rolled(step, (h, past), xs)


def t_lstm(w, v, b, c, past, xs):
    """Balduzzi and Ghifary (2016): weights by name of the gate, z, f and o."""

    def step(state, x):
        c, past = state
        z, f, o = _typed(w, v, b, x, past)
        c = f * c + (1 - f) * z
        return (c, x), c * o

    return rolled(step, (c, past), xs)


def _blocks(x, w):
    """Each part of the features by a matrix of its own."""
    parts = np.split(x, len(w), axis=-1)
    return np.concatenate([p @ m for p, m in zip(parts, w, strict=True)], axis=-1)


def rg_lru_step(w_r, w_i, b_r, b_i, retention, h, x):
    """De, Smith et al. (2024), equations 1 to 4, with c = 8."""
    r, i = sigmoid(_blocks(x, w_r) + b_r), sigmoid(_blocks(x, w_i) + b_i)
    a = sigmoid(retention) ** (8 * r)
    return a * h + np.sqrt(1 - a**2) * (i * x)


def rg_lru(*args):
    *weights, h, xs = args

    def step(h, x):
        h = rg_lru_step(*weights, h, x)
        return h, h

    return rolled(step, h, xs)


def gelu(u):
    return u / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u**3)))


def griffin(w_g, b_g, w_u, b_u, taps, b_c, weights, w_o, b_o, h, past, xs):
    """De, Smith et al. (2024), figure 2; ``taps[k]`` is for k steps ago."""

    def step(state, x):
        h, past = state
        window = [x @ w_u + b_u, *past]
        c = b_c + sum(tap * u for tap, u in zip(taps, window, strict=True))
        h = rg_lru_step(*weights, h, c)
        return (h, window[:-1]), (gelu(x @ w_g + b_g) * h) @ w_o + b_o

    return rolled(step, (h, past), xs)
