"""Both forms of the GRU, as the papers and the textbooks write them."""

import numpy as np


def sigma(a):
    return 1 / (1 + np.exp(-a))


def gru_first_form(w_r, w_z, w, b_r, b_z, b, h, xs):
    """Reset before the product, ``z`` for the candidate; each ``w`` is [H, H + I]."""
    outputs = []
    for x in xs:
        hx = np.concatenate([h, x], axis=-1)
        r = sigma(hx @ w_r.T + b_r)
        z = sigma(hx @ w_z.T + b_z)
        h_new = np.tanh(np.concatenate([r * h, x], axis=-1) @ w.T + b)
        h = z * h_new + (1 - z) * h
        outputs.append(h)
    return h, np.stack(outputs)


def gru_second_form(w_i, w_h, b_i, b_hn, h, xs):
    """Reset after the product; ``z`` weighs the old value. Weights by gate: r, z, n."""
    outputs = []
    for x in xs:
        r = sigma(x @ w_i["r"].T + h @ w_h["r"].T + b_i["r"])
        z = sigma(x @ w_i["z"].T + h @ w_h["z"].T + b_i["z"])
        n = np.tanh(x @ w_i["n"].T + b_i["n"] + r * (h @ w_h["n"].T + b_hn))
        h = (1 - z) * n + z * h
        outputs.append(h)
    return h, np.stack(outputs)
