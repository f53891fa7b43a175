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
