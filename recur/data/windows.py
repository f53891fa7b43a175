"""Windows of a long series: some steps to read, and the next to predict."""

import jax
import numpy as np

from recur import _checks as checks
from recur._arguments import check_arrays, check_bools
from recur.types import PyTree


def windows(
    series: PyTree,
    *,
    length: int,
    horizon: int = 1,
    stride: int = 1,
    time_major: bool = True,
) -> tuple[PyTree, PyTree]:
    r"""Cuts a series into overlapping windows and what comes after each.

    .. math::
        x^{(n)} = (s_{nk}, \dots, s_{nk + L - 1}), \qquad
        y^{(n)} = (s_{nk + L}, \dots, s_{nk + L + H - 1})

    No value is copied: the results are views of the series, not to be written to.

    Args:
      series: Arrays ``[T, ...]`` of the same number of steps, or a pytree of these.
      length: ``L``, the steps that are read.
      horizon: ``H``, the steps that come after; 0 for windows alone.
      stride: ``k``, the steps from the start of one window to that of the next.
      time_major: Whether results are ``[L, N, ...]`` or ``[N, L, ...]``.

    Returns:
      ``(inputs, targets)``, ``[L, N, ...]`` and ``[H, N, ...]`` for ``N`` windows. What
      is left at the end and fills no window is left out.

    Raises:
      TypeError: If a size is no integer, or a leaf no array.
      ValueError: If a size is below 1 (``horizon``: below 0), leaves differ in length,
        or the series is shorter than a window and its horizon.

    Example:
      >>> inputs, targets = windows(np.arange(7), length=3, horizon=2, stride=2)
      >>> inputs.T
      array([[0, 1, 2],
             [2, 3, 4]])
      >>> targets.T
      array([[3, 4],
             [5, 6]])
    """
    where = "windows"
    check_bools(where, time_major=time_major)
    checks.check_size(where, "length", length)
    checks.check_size(where, "stride", stride)
    if horizon != 0 or isinstance(horizon, bool):
        checks.check_size(where, "horizon", horizon)
    steps = _num_steps(where, series)
    if steps < length + horizon:
        raise ValueError(
            f"{where}: series has {steps} steps; expected at least {length + horizon}, "
            "length and horizon together. Choose smaller ones."
        )

    def cut(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        view = np.lib.stride_tricks.sliding_window_view(a, length + horizon, axis=0)
        # [N, ..., L + H] -> [L + H, N, ...]
        view = np.moveaxis(view[::stride], -1, 0)
        parts = view[:length], view[length:]
        one, two = parts if time_major else (np.swapaxes(p, 0, 1) for p in parts)
        return one, two

    leaves, structure = jax.tree.flatten(series)
    pairs = [cut(np.asarray(a)) for a in leaves]
    inputs, targets = zip(*pairs, strict=True)
    return structure.unflatten(inputs), structure.unflatten(targets)


def _num_steps(where: str, series: PyTree) -> int:
    check_arrays(where, series=series)
    leaves = [np.asarray(a) for a in jax.tree.leaves(series)]
    sizes = {a.shape[:1] for a in leaves}
    if len(sizes) != 1 or () in sizes:
        raise ValueError(
            f"{where}: series is {', '.join(map(checks.describe, leaves)) or 'empty'}; "
            "expected arrays [T, ...] of one number of steps."
        )
    return len(leaves[0])


__all__ = ["windows"]
