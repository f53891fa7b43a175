"""The Legendre memory unit in NumPy, step by step, from Voelker et al. (2019)."""

import numpy as np
from scipy.signal import cont2discrete

from tests.reference.linear import rolled


def delay_network(order, theta):
    """Equations 1 and 2, with an input that is held for a step of one."""
    a, b = np.zeros((order, order)), np.zeros((order, 1))
    for i in range(order):
        b[i] = (2 * i + 1) * (-1) ** i / theta
        for j in range(order):
            sign = -1 if i < j else (-1) ** (i - j + 1)
            a[i, j] = (2 * i + 1) * sign / theta
    nothing = np.zeros((1, order)), np.zeros((1, 1))
    a, b, *_ = cont2discrete((a, b, *nothing), 1.0, method="zoh")
    return a, b[:, 0]


def lmu(e_x, e_h, e_m, w_x, w_h, w_m, theta, h, m, xs):
    """With ``m [..., memories, order]``; weights on it take one after the other."""
    order = m.shape[-1]
    a, b = delay_network(order, theta)
    flat = lambda m: m.reshape(*m.shape[:-2], -1)

    def step(state, x):
        h, m = state
        u = x @ e_x + h @ e_h + flat(m) @ e_m
        m = np.einsum("ij,...j->...i", a, m) + u[..., None] * b
        h = np.tanh(x @ w_x + h @ w_h + flat(m) @ w_m)
        return (h, m), h

    return rolled(step, (h, m), xs)
