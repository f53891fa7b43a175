"""How many steps of each row count: checked, where that is known."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from recur import _checks as checks
from recur._roll.time_axis import or_exchange
from recur.types import Array, PyTree


def check_lengths(
    where: str,
    lengths: Any,
    steps: int | None,
    *,
    called: str = "xs",
    xs: PyTree = None,
    axis: int = 0,
) -> Array:
    """Refuses lengths that are no integers from 0 to ``steps``, if these are known.

    ``called`` is what the caller calls ``xs``, and ``axis`` where their time is.

    Example:
      >>> check_lengths("doc", [1, 3], 3).dtype
      dtype('int32')
      >>> check_lengths("doc", [1, 3], 2, xs=jnp.zeros((2, 3)))
      Traceback (most recent call last):
      ValueError: doc: seq_lengths has values ... If xs is batch first, say ...
    """
    array = lengths if hasattr(lengths, "dtype") else np.asarray(lengths)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(
            f"{where}: seq_lengths is {checks.describe(array)}; expected integers, one "
            "a row. Write seq_lengths.astype(jnp.int32)."
        )
    # Under jit the values are not known; there a length below 0 acts as 0, and one
    # above T as T. Nor does one process know those of another.
    if _is_here(array) and array.size:
        # By NumPy: what JAX does with a known array inside jit is not known there.
        known = np.asarray(array)
        low, high = int(known.min()), int(known.max())
        if low < 0 or (isinstance(steps, int) and high > steps):
            most = "T" if steps is None else steps
            batch = () if low < 0 else known.shape
            remedy = f"clip them, or pad {called}."
            remedy = or_exchange(remedy, called, xs, batch, axis, steps=high)
            raise ValueError(
                f"{where}: seq_lengths has values from {low} to {high}; expected 0 to "
                f"{most}, the number of steps of {called}. {remedy}"
            )
    return jnp.asarray(array, jnp.int32)


def _is_here(array: Any) -> bool:
    if isinstance(array, Tracer):
        return False
    return getattr(array, "is_fully_addressable", True)
