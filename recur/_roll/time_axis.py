"""The time axis of a pytree of sequences."""

import jax
import jax.numpy as jnp
import numpy as np

from recur import _arguments as arguments
from recur import _checks as checks
from recur._portable import known_sizes
from recur.types import PyTree


def num_steps(
    where: str,
    xs: PyTree,
    length: int | None,
    *,
    time_major: bool,
    called: str = "xs",
) -> int:
    """Reads ``T`` off the leaves of ``xs``, or takes ``length`` when there are none.

    ``called`` is what the caller calls ``xs``.

    Example:
      >>> num_steps("doc", jnp.zeros((7, 2)), None, time_major=True)
      7
    """
    arguments.check_bools(where, time_major=time_major)
    arguments.check_arrays(where, **{called: xs})
    axis = 0 if time_major else 1
    if length is not None and (isinstance(length, bool) or not _is_count(length)):
        raise TypeError(
            f"{where}: length is {checks.describe(length)}; expected an integer of 0 "
            "or more, the number of steps."
        )
    found = {} if length is None else {"length": length}
    for path, leaf in jax.tree.leaves_with_path(xs):
        name = called + jax.tree_util.keystr(path)
        if jnp.ndim(leaf) <= axis:
            raise ValueError(
                f"{where}: {name} is {checks.describe(leaf)}; expected a time axis at "
                f"position {axis} (time_major={time_major})."
            )
        found[name] = jnp.shape(leaf)[axis]
    if not found:
        raise ValueError(
            f"{where}: {called} has no arrays and length is None; expected one of them "
            "to tell the number of steps. Pass length=T."
        )
    if len(set(found.values())) > 1:
        raise ValueError(
            f"{where}: the numbers of steps differ: {found}; expected the same on axis "
            f"{axis} of every leaf of {called}, and in length. Cut or pad them to one "
            "T."
        )
    return next(iter(found.values()))


def _is_count(length: object) -> bool:
    return isinstance(length, (int, np.integer)) and bool(length >= 0)


def or_exchange(
    remedy: str,
    called: str,
    xs: PyTree,
    batch: tuple[int, ...],
    axis: int | None,
    *,
    steps: int = 0,
) -> str:
    """Advises before a remedy to say ``time_major`` otherwise, if so ``xs`` would fit.

    It would, if the axis that is taken for time began the batch, and the other had as
    many as ``steps`` steps.

    Example:
      >>> or_exchange("cut it.", "xs", jnp.zeros((2, 7)), (2,), 0)
      'If xs is batch first, say time_major=False; else cut it.'
      >>> or_exchange("cut it.", "xs", jnp.zeros((7, 2)), (2,), 0)
      'Cut it.'
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)]
    known = batch and shapes and known_sizes(xs)
    if (
        axis is None
        or not known
        or not all(_fits(shape, batch, 1 - axis, steps) for shape in shapes)
    ):
        return remedy[0].upper() + remedy[1:]
    order, first = (("batch", False), ("time", True))[axis]
    return f"If {called} is {order} first, say time_major={first}; else {remedy}"


def _fits(
    shape: tuple[int, ...], batch: tuple[int, ...], axis: int, steps: int
) -> bool:
    rows = shape[:axis] + shape[axis + 1 :]
    return len(shape) > 1 and shape[axis] >= steps and rows[: len(batch)] == batch


def swap_time_batch(tree: PyTree) -> PyTree:
    """Exchanges the first two axes of every leaf.

    Example:
      >>> swap_time_batch(jnp.zeros((7, 2, 3))).shape
      (2, 7, 3)
    """
    return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)
