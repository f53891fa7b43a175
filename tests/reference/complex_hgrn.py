"""The complex form of HGRN in NumPy, step by step, from Qin et al. (2023)."""

import numpy as np

from tests.reference import ssm
from tests.reference.linear import rolled, sigmoid, silu


def complex_hgrn(w, b, theta, gain, b_norm, w_o, b_o, lower_bound, q, xs, eps=1e-5):
    """``w`` and ``b`` by name, of f, re, im and g; complex numbers as in ``ssm``."""
    turn = ssm.matrix(np.cos(theta), np.sin(theta))

    def step(q, x):
        made = {n: x @ w[n] + b[n] for n in w}
        f = lower_bound + (1 - lower_bound) * sigmoid(made["f"])[..., None, None]
        c = ssm.matrix(silu(made["re"]), silu(made["im"]))
        q = f * (turn @ q) + (1 - f) * c
        both = np.concatenate(ssm.parts(q), axis=-1)
        both = both - np.mean(both, axis=-1, keepdims=True)
        normal = both / np.sqrt(np.mean(both * both, axis=-1, keepdims=True) + eps)
        y = (normal * gain + b_norm) * silu(made["g"])
        return q, y @ w_o + b_o

    q, ys = rolled(step, q, xs)
    return ssm.parts(q), ys
