"""Consecutive steps of a stream: inputs, targets and flags, cut and joined together."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays
from recur._roll.flags import make_flags
from recur._roll.padding import fill_invalid, tree_where
from recur._roll.per_step import check_series, split_series
from recur._roll.time_axis import num_steps
from recur.types import Array, PyTree


class Steps(NamedTuple):
    """Some steps of a stream; each leaf has the time axis first."""

    xs: PyTree
    targets: PyTree
    mask: Array | None  # bool [T, ...]
    reset: Array | None  # bool [T, ...]
    series: Sequence[PyTree] = ()  # what params have for each of these steps

    @property
    def length(self) -> int:
        """``T``."""
        return jax.tree.leaves(self)[0].shape[0]

    @property
    def arguments(self) -> dict[str, Any]:
        """What an update is given; series come with params."""
        return {n: a for n, a in self._asdict().items() if n != "series"}


def make_steps(
    where: str,
    xs: PyTree,
    targets: PyTree,
    *,
    padded: bool,
    params: PyTree = None,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
) -> Steps:
    """Checks steps and joins lengths and mask; ``padded`` steps always have a mask.

    A :class:`recur.PerStep` in ``params`` belongs to these steps and is kept with them.

    Example:
      >>> make_steps("doc", jnp.ones((2, 3)), jnp.ones(2), padded=True).mask
      Array([ True,  True], dtype=bool)
    """
    check_arrays(where, xs=xs, targets=targets, seq_lengths=seq_lengths)
    length = num_steps(where, xs, None, time_major=True)
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    flags |= {"reset_carry": None, "time_major": True}
    valid, anew = make_flags(where, None, xs, length, **flags)[0]
    if padded and valid is None:
        valid = jnp.ones((length,) if anew is None else anew.shape, bool)
    rows = (length,) if valid is None else valid.shape
    for path, leaf in jax.tree.leaves_with_path(targets):
        if jnp.shape(leaf)[: len(rows)] != rows:
            raise ValueError(
                f"{where}: targets{jax.tree_util.keystr(path)} is "
                f"{checks.describe(leaf)}; expected the leading axes {rows}, as xs and "
                "the flags have them. Give every step, and every row that has a flag "
                "of its own, a target."
            )
    check_series(where, params, length)
    xs, targets, series = jax.tree.map(
        jnp.asarray, (xs, targets, split_series(params)[0])
    )
    return Steps(xs, targets, valid, anew, series)


def cut(steps: Steps, begin: int, end: int | None) -> Steps:
    """Takes the steps from ``begin`` to ``end``.

    Example:
      >>> cut(Steps(jnp.arange(5), jnp.arange(5), None, None), 1, 3).xs
      Array([1, 2], dtype=int32)
    """
    return jax.tree.map(lambda a: a[begin:end], steps)


def join(where: str, past: Steps, new: Steps) -> Steps:
    """Puts steps after steps, or refuses those that are of another kind.

    Example:
      >>> one, two = (Steps(jnp.full(n, n), None, None, None) for n in (1, 2))
      >>> join("doc", one, two).xs
      Array([1, 2, 2], dtype=int32...)
    """
    kinds = [
        jax.tree.map(lambda a: (a.shape[1:], a.dtype), steps) for steps in (past, new)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{where}: the steps are {kinds[1]}; expected {kinds[0]}, what init was "
            "given (shapes are without the time axis). Give init and every update the "
            "same xs, targets and flags, but for their length, and init the params too "
            "if they hold masks that were drawn."
        )
    return jax.tree.map(lambda *a: jnp.concatenate(a), past, new)


def sum_losses(
    loss_fn: Callable[[PyTree, PyTree], Array], ys: PyTree, steps: Steps
) -> Array:
    """Sums the losses of all valid steps and rows.

    Example:
      >>> steps = Steps(None, jnp.ones(2), jnp.array([True, False]), None)
      >>> sum_losses(lambda y, target: y - target, jnp.full(2, 3.0), steps)
      Array(2., dtype=float32)
    """
    mask, targets = steps.mask, steps.targets
    if mask is None:
        return jnp.sum(_losses(loss_fn, ys, targets))
    losses = _losses(loss_fn, *fill_invalid(mask, (ys, targets)))
    if losses.ndim < mask.ndim:
        raise ValueError(
            f"loss_fn: it returned {checks.describe(losses[0])} for one step; expected "
            f"the leading axes {mask.shape[1:]} of the flags, so that each row can "
            "count by itself. Sum over the features only."
        )
    return jnp.sum(tree_where(mask, losses, None))


def _losses(
    loss_fn: Callable[[PyTree, PyTree], Array], ys: PyTree, targets: PyTree
) -> Array:
    losses = jax.vmap(loss_fn)(ys, targets)
    floating = hasattr(losses, "dtype") and jnp.issubdtype(losses.dtype, jnp.floating)
    if not floating:
        raise TypeError(
            f"loss_fn: it returned {checks.describe(losses)} for all steps; expected "
            "floating-point numbers, one for each step or for each row of it. Return "
            "the loss alone, as jnp.float32."
        )
    return losses
