"""Rows of the cells whose carry is complex, for :mod:`tests.linear_cases`."""

import numpy as np

from recur import linear_rnn
from tests.reference import ssm
from tests.reference.complex_hgrn import complex_hgrn


def _both(p):
    """B from its halves side by side, and C from its halves one above the other."""
    return ssm.matrix(*np.split(p.w_ih, 2, -1)), ssm.matrix(*np.split(p.w_ho, 2))


def _lru(p, q, xs):
    b, c = _both(p)
    return ssm.lru(p.nu, p.theta, p.gamma, b, c, p.d, ssm.matrix(*q), xs)


def _s4d(p, q, xs):
    rate = ssm.matrix(-np.exp(p.log_decay), p.frequency)
    c = ssm.matrix(p.c_re, p.c_im)
    return ssm.s4d(rate, p.log_dt, c, p.d, ssm.matrix(*q), xs)


def _s5(**options):
    def reference(p, q, xs):
        lam, (b, c) = ssm.matrix(p.lambda_re, p.lambda_im), _both(p)
        return ssm.s5(lam, p.log_dt, b, c, p.d, ssm.matrix(*q), xs, **options)

    return reference


def _complex_hgrn(p, q, xs):
    w, b = (np.split(a, np.arange(1, 4) * len(p.theta), -1) for a in (p.w_ih, p.b))
    w, b = (dict(zip(("f", "re", "im", "g"), a, strict=True)) for a in (w, b))
    return complex_hgrn(w, b, *p[2:], 0.3, ssm.matrix(*q), xs)


# What grows is held to nothing in float32: their params are drawn at random.
_S5 = {"state_size": 4, "clip_eigs": True}
_BILINEAR = {"discretization": "bilinear", "conj_sym": False}

ROWS = {
    "lru": (linear_rnn.LRU(3, state_size=4), _lru),
    "s4d": (linear_rnn.S4D(3, state_size=4), _s4d),
    "s5": (linear_rnn.S5(3, blocks=1, **_S5), _s5(clip=True)),
    "s5-bilinear": (
        linear_rnn.S5(3, blocks=2, **_S5, **_BILINEAR),
        _s5(bilinear=True, pairs=False, clip=True),
    ),
    "complex-hgrn": (linear_rnn.ComplexHGRN(4, lower_bound=0.3), _complex_hgrn),
}

PARAMS = {
    linear_rnn.LRU: linear_rnn.LRUParams,
    linear_rnn.S4D: linear_rnn.S4DParams,
    linear_rnn.S5: linear_rnn.S5Params,
    linear_rnn.ComplexHGRN: linear_rnn.ComplexHGRNParams,
}


def _turned(a, gain=0):
    """States that turn and shrink, of which nothing is read."""

    def still(q, x):
        z = a * (q.re + 1j * q.im)
        z = z + gain * x[..., None] if gain else z
        return type(q)(np.real(z), np.imag(z)), np.zeros_like(x)

    return still


STILL = {
    "lru": _turned(np.exp(-1 + 1j)),
    "s4d": _turned(np.exp(-1), 1 - np.exp(-1)),
    "s5": _turned(np.exp(-1e-4)),
    "s5-bilinear": _turned((1 - 5e-5) / (1 + 5e-5)),
    "complex-hgrn": lambda q, x: (_turned(0.65)(q, x)[0], np.zeros_like(q.re)),
}
