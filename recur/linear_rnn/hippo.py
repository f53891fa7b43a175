r"""The HiPPO-LegS matrix, which remembers a signal as its Legendre coefficients."""

from functools import cache

import numpy as np


def legs(size: int) -> np.ndarray:
    r"""Makes the matrix.

    .. math::
        A_{nk} = -\begin{cases}
            \sqrt{(2n + 1)(2k + 1)} & n > k \\ n + 1 & n = k \\ 0 & n < k
        \end{cases}

    Example:
      >>> legs(2).round(3)
      array([[-1.   , -0.   ],
             [-1.732, -2.   ]])

    References:
      Gu et al., `HiPPO: recurrent memory with optimal polynomial projections
      <https://arxiv.org/abs/2008.07669>`_, 2020.
    """
    n = np.arange(size)
    root = np.sqrt(2 * n + 1)
    return -np.tril(np.outer(root, root), -1) - np.diag(n + 1.0)


@cache
def normal_part(size: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Takes the normal part of the matrix apart.

    .. math::
        A + p p^T = V \Lambda V^*, \qquad p_n = \sqrt{n + 1/2}

    It is minus one half and a skew-symmetric matrix, so all eigenvalues have that real
    part, and come in conjugate pairs.

    Args:
      size: How many rows.

    Returns:
      :math:`\Lambda` by rising imaginary parts, and :math:`V`, in complex128.

    Example:
      >>> normal_part(2)[0].round(3)
      array([-0.5-0.866j, -0.5+0.866j])
    """
    p = np.sqrt(np.arange(size) + 0.5)
    skew = legs(size) + np.outer(p, p) + np.eye(size) / 2
    angles, vectors = np.linalg.eigh(-1j * skew)
    return -0.5 + 1j * angles, vectors


__all__ = ["legs", "normal_part"]
