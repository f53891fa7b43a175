"""What windows ask for: a cell that walks in time, and params that have gradients."""

from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.per_step import split_series
from recur._roll.steps import check_pieces, step_of
from recur.types import PyTree


def check_walks(where: str, step: Any) -> None:
    """Refuses what is no step, or sees steps that are yet to come.

    Example:
      >>> check_walks("doc", Bidirectional(GRU(4)))
      Traceback (most recent call last):
      ValueError: doc: step is a Bidirectional, which needs the whole sequence; ...
    """
    check_pieces(
        where,
        step,
        "Take cells without it, or differentiate recur.unroll of the whole.",
    )
    step_of(where, step)


def check_trainable(where: str, params: PyTree, *, whole: bool = False) -> None:
    """Refuses params that have no gradient: masks, and series of a ``whole`` stream.

    Example:
      >>> check_trainable("doc", {"n": jnp.int32(1)})
      Traceback (most recent call last):
      TypeError: doc: params['n'] is int32[]; expected floating-point numbers, as ...
    """
    advice = (
        "Keep other numbers in the step, and draw masks inside the loss, as "
        "TruncatedBPTT shows."
    )
    for path, leaf in jax.tree.leaves_with_path(params):
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise TypeError(
                f"{where}: params{jax.tree_util.keystr(path)} is "
                f"{checks.describe(leaf)}; expected floating-point numbers, as all "
                f"params have a gradient here. {advice}"
            )
    if whole and split_series(params)[0]:
        raise TypeError(
            f"{where}: params hold a PerStep; expected the same params at every step. "
            f"{advice}"
        )
