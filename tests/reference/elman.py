"""Elman (1990): a_t = g(W_aa a_{t-1} + W_ax x_t + b_a)."""

import numpy as np


def tanh(a):
    return np.tanh(a)


def relu(a):
    return np.where(np.real(a) > 0, a, 0)


def elman(w_ax, w_aa, b_a, a, xs, g=tanh):
    """Rolls over ``xs [T, ..., I]`` from ``a [..., H]``; weights act from the left."""
    outputs = []
    for x in xs:
        a = g(a @ w_aa.T + x @ w_ax.T + b_a)
        outputs.append(a)
    return a, np.stack(outputs)


def softmax(a):
    e = np.exp(a - np.max(np.real(a), axis=-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def elman_unit(v, u, w, b_a, b_y, a, xs, g_y=softmax):
    """The textbook unit: V from the input, U of the state, W to the output."""
    a, states = elman(v, u, b_a, a, xs)
    return a, g_y(states @ w.T + b_y)
