"""Whether a peer computes what we compute; only then may it be timed."""

from typing import Any

import jax
import numpy as np

TOLERANCE = {"float64": 1e-11, "float32": 2e-5, "bfloat16": 6e-2}
"""Largest error allowed in an array, as a fraction of its largest entry.

Two orders of summation differ by rounding: at the six shapes, in float32, by at most
two millionths, so that this leaves a factor of ten. A convention mistaken shows as one
to one hundred percent.
"""


def disagreement(
    ours: dict[str, Any], theirs: dict[str, Any], *, dtype: str
) -> str | None:
    """Says where the results of a peer differ from ours, or ``None`` if nowhere.

    Args:
      ours: Results by name, as :class:`~benchmarks.measure.program.Program` has them.
      theirs: The peer's, of the same structure.
      dtype: Of the case; it sets the :data:`TOLERANCE`.
    """
    if jax.tree.structure(ours) != jax.tree.structure(theirs):
        return "its results are not structured as ours"
    leaves = jax.tree.leaves(theirs)
    for (path, our), their in zip(jax.tree.leaves_with_path(ours), leaves, strict=True):
        reason = _difference(np.asarray(our), np.asarray(their), TOLERANCE[dtype])
        if reason:
            return f"{_name(path)} {reason}"
    return None


def _difference(our: np.ndarray, their: np.ndarray, tolerance: float) -> str | None:
    if our.shape != their.shape:
        return f"has shape {their.shape}, ours {our.shape}"
    our, their = our.astype(np.float64), their.astype(np.float64)
    error = np.abs(our - their).max(initial=0) / (np.abs(our).max(initial=0) or 1)
    # Not "error > tolerance": a NaN is no agreement.
    if not error <= tolerance:
        return f"differs by {error:.1e} of its largest entry (allowed: {tolerance:.0e})"
    return None


def _name(path: tuple[Any, ...]) -> str:
    first, *rest = path
    return f"{first.key}{jax.tree_util.keystr(tuple(rest))}"
