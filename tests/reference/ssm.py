"""Complex diagonal state spaces in NumPy, from the papers.

Their params are real, and tests move each by a tiny imaginary amount for its exact
derivative. So that this and the imaginary unit of the papers do not meet, a complex
number is ``[[re, -im], [im, re]]`` here: matrices of this form add, multiply and
divide as complex numbers do, and they may be of any field.
"""

import numpy as np

from tests.reference.linear import rolled


def matrix(re, im):
    """Complex numbers ``[...]`` as ``[..., 2, 2]``."""
    return np.stack([np.stack([re, -im], -1), np.stack([im, re], -1)], -2)


def exp(z):
    re, im = z[..., 0, 0], z[..., 1, 0]
    return matrix(np.exp(re) * np.cos(im), np.exp(re) * np.sin(im))


def real(z):
    return z[..., 0, 0]


def parts(z):
    return z[..., 0, 0], z[..., 1, 0]


ONE = np.eye(2)


def lru(nu, theta, gamma, b, c, d, q, xs):
    """Orvieto et al. (2023), with ``b [I, N]``, ``c [N, H]``, ``q [..., N]``."""
    lam = exp(matrix(-np.exp(nu), np.exp(theta)))
    # The norm of each state multiplies its column of B.
    return _mixed(lam, np.exp(gamma)[:, None, None] * b, c, d, q, xs)


def s5(lam, log_dt, b, c, d, q, xs, *, bilinear=False, pairs=True, clip=False):
    """Smith et al. (2022), with ``b [I, P]``, ``c [P, H]``, ``q [..., P]``."""
    if clip:
        re, im = parts(lam)
        lam = matrix(np.where(np.real(re) < -1e-4, re, -1e-4), im)
    dt = np.exp(log_dt)[:, None, None]
    if bilinear:
        below = np.linalg.inv(ONE - dt / 2 * lam)
        a, gain = below @ (ONE + dt / 2 * lam), dt * below
    else:
        a = exp(dt * lam)
        gain = np.linalg.inv(lam) @ (a - ONE)
    return _mixed(a, gain @ b, (2 if pairs else 1) * c, d, q, xs)


def _mixed(a, b, c, d, q, xs):
    def step(q, x):
        q = a @ q + np.einsum("...i,inkl->...nkl", x, b)
        y = real(np.einsum("...nij,nhjk->...hik", q, c)) + d * x
        return q, y

    q, ys = rolled(step, q, xs)
    return parts(q), ys


def s4d(rate, log_dt, c, d, q, xs):
    """Gu et al. (2022), with ``rate`` and ``c`` ``[H, N/2]``, ``q [..., H, N/2]``."""
    a = exp(np.exp(log_dt)[:, None, None, None] * rate)
    gain = np.linalg.inv(rate) @ (a - ONE)

    def step(q, x):
        q = a @ q + gain * x[..., None, None, None]
        return q, 2 * real(c @ q).sum(-1) + d * x

    q, ys = rolled(step, q, xs)
    return parts(q), ys
