"""Linear recurrences in NumPy, one step after the other, from the papers."""

import numpy as np


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


def softplus(u):
    return np.logaddexp(0, u)


def silu(u):
    return u * sigmoid(u)


def rolled(step, state, xs):
    """``step(state, x) -> (state, y)`` over time."""
    ys = []
    for x in xs:
        state, y = step(state, x)
        ys.append(y)
    return state, np.stack(ys)


def ema(w, b, retention, h, xs):
    a = sigmoid(retention)

    def step(h, x):
        h = a * h + (1 - a) * (x @ w + b)
        return h, h

    return rolled(step, h, xs)


def min_gru(w_z, b_z, w_n, b_n, h, xs, *, positive=False):
    """Feng et al. (2024): h = (1 - z) h' + z n."""

    def step(h, x):
        z, n = sigmoid(x @ w_z + b_z), x @ w_n + b_n
        if positive:
            n = np.where(np.real(n) >= 0, n + 0.5, sigmoid(n))
        h = (1 - z) * h + z * n
        return h, h

    return rolled(step, h, xs)
