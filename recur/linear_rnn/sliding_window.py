r"""The last few steps of a signal, remembered as Legendre coefficients."""

import math
from functools import cache

import numpy as np

TERMS = 24
"""Of the series of the exponential, whose argument has a norm of no more than 1."""


@cache
def sliding_window(order: int, theta: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Makes the matrices of a memory of the last :math:`\theta` steps.

    .. math::
        A_{ij} &= \frac{2 i + 1}{\theta} \begin{cases}
            -1 & i < j \\ (-1)^{i - j + 1} & i \ge j \end{cases}, \qquad
            B_i = \frac{2 i + 1}{\theta} (-1)^i \\
        \bar A &= e^A, \qquad \bar B = \int_0^1 e^{sA} ds \, B

    With :math:`m_t = \bar A m_{t-1} + \bar B u_t`, what :math:`u` was :math:`r \theta`
    steps ago is about :math:`\sum_i P_i(2r - 1) \, m_{t,i}`, of the Legendre
    polynomials :math:`P_i`.

    Args:
      order: How many coefficients.
      theta: How many steps are remembered.

    Returns:
      :math:`\bar A` ``[order, order]`` and :math:`\bar B` ``[order]``, in float64.

    Example:
      >>> [float(a.squeeze().round(3)) for a in sliding_window(1, 4.0)]
      [0.779, 0.221]

    References:
      Voelker, Kajić and Eliasmith, `Legendre memory units: continuous-time
      representation in recurrent neural networks
      <https://proceedings.neurips.cc/paper/2019/hash/952285b9b7e7a1be5aa7849f32ffff05-Abstract.html>`_,
      2019.
    """
    i = np.arange(order)
    signs = np.where(i[:, None] < i, -1.0, (-1.0) ** (i[:, None] - i + 1))
    whole = np.zeros((order + 1, order + 1))  # With the input as a state that stays.
    whole[:order, :order] = signs
    whole[:order, order] = (-1.0) ** i
    whole[:order] *= (2 * i[:, None] + 1) / theta
    held = _exponential(whole)[:order]
    return held[:, :order], held[:, order]


def _exponential(a: np.ndarray) -> np.ndarray:
    """By its series for a part of ``a``, doubled until it is the whole.

    All of it less one, which would round away what the part is.
    """
    norm = np.abs(a).sum(0).max()
    doublings = max(0, math.ceil(math.log2(norm)))
    part = a / 2.0**doublings
    term = less_one = part
    for n in range(2, TERMS):
        term = term @ part / n
        less_one = less_one + term
    for _ in range(doublings):
        less_one = 2 * less_one + less_one @ less_one
    return np.eye(len(a)) + less_one


__all__ = ["sliding_window"]
