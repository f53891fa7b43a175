"""What Linen and NNX modules share: a roll over ``[*batch, T, I]``, its checks."""

from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.laying import lay_beside
from recur._roll.padding import tree_where
from recur._roll.steps import check_pieces
from recur._roll.unroll import unroll
from recur.compose.masks import Sizes, draw, draw_masks
from recur.types import Array, PyTree


def roll(
    cell: Any,
    params: PyTree,
    carry: PyTree,
    xs: Array,
    *,
    time_major: bool,
    key: Array | None = None,
    mask: Any = None,
    reset: Any = None,
    **options: Any,
) -> tuple[PyTree, PyTree]:
    """Rolls over any number of batch axes, with masks drawn if there is a key.

    A reset starts from the carry that the cell itself starts from.

    Example:
      >>> cell, xs = LSTM(4), jnp.ones((5, 2, 7, 3))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> roll(cell, params, cell.init_carry((5, 2)), xs, time_major=False)[1].shape
      (5, 2, 7, 4)
    """
    batch = batch_of("roll", xs, time_major=time_major)
    # The core knows time on the first axis or the second.
    move = not time_major and len(batch) != 1
    if move:
        xs, mask, reset = (_to_front(a, len(batch)) for a in (xs, mask, reset))
    check_batch("initial_carry", carry, batch)
    carry = lay_beside(xs, carry, len(batch), time_major=time_major or move)
    if key is not None:
        params = draw_masks(cell, key, params, xs, time_major=time_major or move)
    options |= {"mask": mask, "reset": reset, "time_major": time_major or move}
    carry, ys = unroll(cell, params, carry, promoted(xs, params), **options)
    back = (lambda a: jnp.moveaxis(a, 0, len(batch))) if move else (lambda a: a)
    return carry, jax.tree.map(back, ys)


def restart(
    where: str, rows: Any, anew: PyTree, carry: PyTree, batch: tuple[int, ...]
) -> PyTree:
    """Gives the rows that are True the carry ``anew``.

    Example:
      >>> restart("doc", jnp.array([True, False]), jnp.zeros(2), jnp.ones(2), (2,))
      Array([0., 1.], dtype=float32)
    """
    shape, dtype = getattr(rows, "shape", None), getattr(rows, "dtype", None)
    if shape != batch or dtype != jnp.bool_:
        raise ValueError(
            f"{where}: the rows to reset are {checks.describe(rows)}; expected bool"
            f"{list(batch)}, one flag a row. Write rows.astype(bool)."
        )
    return tree_where(jnp.asarray(rows), anew, carry)


def promoted(x: Array, params: PyTree) -> Array:
    """Takes integers as Flax's own cells take them: in the dtype of the params.

    Example:
      >>> promoted(jnp.arange(3), {"w": jnp.ones(3)})
      Array([0., 1., 2.], dtype=float32)
    """
    dtypes = [jnp.result_type(w) for w in jax.tree.leaves(params)]
    floating = next((d for d in dtypes if jnp.issubdtype(d, jnp.inexact)), None)
    whole = jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == jnp.bool_
    return jnp.asarray(x, floating) if whole and floating is not None else x


def check_batch(name: str, carry: PyTree, batch: tuple[int, ...]) -> None:
    """Refuses a carry of another batch than the inputs.

    Example:
      >>> check_batch("carry", jnp.zeros((4, 3)), (2,))
      Traceback (most recent call last):
      ValueError: carry is of float32[4, 3] and the inputs of a batch (2,); expected ...
    """
    for leaf in jax.tree.leaves(carry):
        shape = jnp.shape(leaf)
        if len(shape) >= len(batch) and shape[: len(batch)] != batch:
            raise ValueError(
                f"{name} is of {checks.describe(leaf)} and the inputs of a batch "
                f"{batch}; expected one batch. A stateful layer keeps its rows from "
                "call to call: give it inputs of the same batch, an initial_carry, or "
                "a new collection carry from init."
            )


def check_stateful(
    where: str, cell: Any, *, stateful: bool, reverse: bool | None
) -> None:
    """Refuses to keep a carry from piece to piece where a walk needs the whole.

    Example:
      >>> check_stateful("doc", GRU(4), stateful=True, reverse=True)
      Traceback (most recent call last):
      ValueError: doc: reverse is True and the layer keeps its carry; ...
    """
    if not stateful:
        return
    check_pieces(where, cell, "Leave it without a carry of its own.")
    if reverse:
        raise ValueError(
            f"{where}: reverse is True and the layer keeps its carry; expected a walk "
            "forwards, as the next piece begins where this one ends. Leave it without "
            "a carry of its own."
        )


def draws_masks(cell: Any, params: PyTree, input_size: int) -> bool:
    """Whether masks would be drawn: whether drawing changes the params at all.

    Example:
      >>> cells = LSTM(4), Dropout(LSTM(4), 0.5)
      >>> [draws_masks(cell, cell.init(jax.random.key(0), 3), 3) for cell in cells]
      [False, True]
    """
    key, sizes = jax.random.key(0), Sizes(1, (), input_size)
    jaxpr = jax.make_jaxpr(lambda p: draw(cell, key, p, sizes))(params).jaxpr
    return jaxpr.outvars != jaxpr.invars


def batch_of(where: str, xs: Any, *, time_major: bool) -> tuple[int, ...]:
    """Reads the batch axes off ``[*batch, T, I]``, or ``[T, *batch, I]``.

    Example:
      >>> batch_of("doc", jnp.ones((5, 2, 7, 3)), time_major=False)
      (5, 2)
    """
    if getattr(xs, "ndim", 0) < 2:
        raise ValueError(
            f"{where}: xs is {checks.describe(xs)}; expected an array [*batch, T, I], "
            "with an axis of time and one of features at least. Add the missing axis."
        )
    return xs.shape[1:-1] if time_major else xs.shape[:-2]


def _to_front(a: Any, axis: int) -> Any:
    return jnp.moveaxis(a, axis, 0) if getattr(a, "ndim", 0) > axis else a
