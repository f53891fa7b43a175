"""LSTM on the concatenated vector [h, x], each gate with a matrix of its own."""

import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def lstm(w_f, w_i, w_c, w_o, b_f, b_i, b_c, b_o, h, c, xs):
    """Rolls over ``xs [T, ..., I]``; each ``w`` is [H, H + I], acting from the left."""
    outputs = []
    for x in xs:
        hx = np.concatenate([h, x], axis=-1)
        f = sigma(hx @ w_f.T + b_f)
        i = sigma(hx @ w_i.T + b_i)
        c_new = np.tanh(hx @ w_c.T + b_c)
        o = sigma(hx @ w_o.T + b_o)
        c = f * c + i * c_new
        h = o * np.tanh(c)
        outputs.append(h)
    return (h, c), np.stack(outputs)


def lstm_peephole(w, u, p, b, h, c, xs):
    """Gers et al. (2002): i and f look at the old cell, o at the new one.

    ``w[gate]`` is [H, I], ``u[gate]`` [H, H], ``p[gate]`` the diagonal [H].
    """
    outputs = []
    for x in xs:
        net = {k: x @ w[k].T + h @ u[k].T + b[k] for k in "ifgo"}
        i = sigma(net["i"] + p["i"] * c)
        f = sigma(net["f"] + p["f"] * c)
        c = f * c + i * np.tanh(net["g"])
        o = sigma(net["o"] + p["o"] * c)
        h = o * np.tanh(c)
        outputs.append(h)
    return (h, c), np.stack(outputs)


def lstm_coupled(w, u, b, h, c, xs, p=None):
    """Greff et al. (2017), CIFG: the forget gate is 1 - i; peepholes if ``p``."""
    p = {"i": 0, "o": 0} if p is None else p
    outputs = []
    for x in xs:
        z = np.tanh(x @ w["g"].T + h @ u["g"].T + b["g"])
        i = sigma(x @ w["i"].T + h @ u["i"].T + p["i"] * c + b["i"])
        c = z * i + c * (1 - i)
        o = sigma(x @ w["o"].T + h @ u["o"].T + p["o"] * c + b["o"])
        h = np.tanh(c) * o
        outputs.append(h)
    return (h, c), np.stack(outputs)


def lstm_projection(w, u, w_r, b, r, c, xs):
    """Sak et al. (2014), without peepholes: r_t = W_r m_t is what recurs.

    ``w[gate]`` is [H, I], ``u[gate]`` [H, P] and ``w_r`` [P, H].
    """
    outputs = []
    for x in xs:
        net = {k: x @ w[k].T + r @ u[k].T + b[k] for k in "ifgo"}
        c = sigma(net["f"]) * c + sigma(net["i"]) * np.tanh(net["g"])
        m = sigma(net["o"]) * np.tanh(c)
        r = m @ w_r.T
        outputs.append(r)
    return (r, c), np.stack(outputs)
