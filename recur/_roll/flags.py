"""Which steps of a roll count, and which begin a segment: checked and laid out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recur import _arguments as arguments
from recur import _checks as checks
from recur._roll.laying import lay_as
from recur._roll.lengths import check_lengths
from recur._roll.time_axis import num_steps as steps_of
from recur._roll.time_axis import or_exchange
from recur.types import Array, PyTree


class Flags(NamedTuple):
    """What is known of each step besides its input; both are time-major or absent."""

    valid: Array | None  # [T, ...], False: the step does nothing
    reset: Array | None  # [T, ...], True: the step is the first of a segment


def make_flags(
    where: str,
    carry: PyTree,
    xs: PyTree,
    num_steps: int,
    *,
    seq_lengths: Array | None,
    mask: Array | None,
    reset: Array | None,
    reset_carry: PyTree,
    time_major: bool,
    called: str = "xs",
) -> tuple[Flags, PyTree]:
    """Checks lengths, mask and reset, and joins the first two.

    ``called`` is what the caller calls ``xs``.

    Returns:
      The flags, and the carry that a reset starts from, ``None`` if there is no reset.

    Example:
      >>> flags, _ = make_flags(
      ...     "doc", jnp.zeros(2), jnp.zeros((3, 2)), 3, seq_lengths=jnp.array([1, 3]),
      ...     mask=None, reset=None, reset_carry=None, time_major=True)
      >>> flags.valid
      Array([[ True,  True],
             [False,  True],
             [False,  True]], dtype=bool)
    """
    axis = 0 if time_major else 1
    given = {"mask": mask, "reset": reset}
    given = {name: a for name, a in given.items() if a is not None}
    rows = {
        name: check_rows(where, name, a, num_steps, axis, called)
        for name, a in given.items()
    }
    if seq_lengths is not None:
        laid_out: dict[str, Any] = {"called": called, "xs": xs, "axis": axis}
        seq_lengths = check_lengths(where, seq_lengths, num_steps, **laid_out)
        rows["seq_lengths"] = seq_lengths.shape
    _check_rows(where, rows, called, xs, axis)
    _check_rows(where, rows, "carry", carry, None)
    valid = _valid(seq_lengths, mask, num_steps, time_major=time_major)
    anew = _reset_carry(where, reset, reset_carry, carry)
    return Flags(valid, _time_major(reset, time_major)), anew


def valid_steps(
    xs: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    time_major: bool = True,
    length: int | None = None,
    **_: Any,
) -> Array | None:
    """Says which steps count, ``[T, ...]``, of flags that a roll has checked.

    Example:
      >>> valid_steps(jnp.zeros((3, 2)), seq_lengths=jnp.array([1, 3]))[:, 0]
      Array([ True, False, False], dtype=bool)
    """
    steps = steps_of("unroll", xs, length, time_major=time_major)
    lengths = None if seq_lengths is None else jnp.asarray(seq_lengths, jnp.int32)
    return _valid(lengths, mask, steps, time_major=time_major)


def _valid(
    seq_lengths: Array | None, mask: Array | None, steps: int, *, time_major: bool
) -> Array | None:
    valid = _time_major(mask, time_major)
    if seq_lengths is None:
        return valid
    within = _within(seq_lengths, steps)
    return within if valid is None else valid & within


def check_flag(where: str, name: str, flag: Any) -> None:
    """Refuses anything but booleans."""
    arguments.check_arrays(where, **{name: flag})
    if not isinstance(flag, bool) and getattr(flag, "dtype", None) != jnp.bool_:
        raise TypeError(
            f"{where}: {name} is {checks.describe(flag)}; expected an array of bool. "
            f"Write {name}.astype(bool)."
        )


def check_rows(
    where: str, name: str, flag: Any, steps: int, axis: int, called: str = "xs"
) -> tuple[int, ...]:
    """Refuses anything but booleans with a time axis; gives the batch axes.

    Example:
      >>> check_rows("doc", "mask", jnp.ones((3, 2), bool), 3, 0)
      (2,)
    """
    check_flag(where, name, flag)
    flag = jnp.asarray(flag)
    if flag.ndim <= axis or flag.shape[axis] != steps:
        raise ValueError(
            f"{where}: {name} is {checks.describe(flag)}; expected {steps} steps on "
            f"axis {axis}, as {called} has. Lay it out as {called}."
        )
    return flag.shape[:axis] + flag.shape[axis + 1 :]


def _check_rows(
    where: str, rows: dict[str, Any], name: str, tree: PyTree, axis: int | None
) -> None:
    if not rows:
        return
    flag, batch = next(iter(rows.items()))
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"{where}: the batch axes of the flags differ: {rows}; expected the same "
            "for all of them. Broadcast them to one batch."
        )
    for path, leaf in jax.tree.leaves_with_path(tree):
        shape = jnp.shape(leaf)
        shape = shape if axis is None else shape[:axis] + shape[axis + 1 :]
        if shape[: len(batch)] != batch:
            at = name + jax.tree_util.keystr(path)
            remedy = _remedy(flag, name, shape)
            raise ValueError(
                f"{where}: {flag} has the batch axes {batch} and {at} is "
                f"{checks.describe(leaf)}; expected the same, so that each row can be "
                f"held by itself. {or_exchange(remedy, name, tree, batch, axis)}"
            )


def _remedy(flag: str, name: str, shape: tuple[int, ...]) -> str:
    give = f"give {flag} the batch axes of {name}"
    if name == "ys":  # Of a pooling, which takes no step.
        return f"{give}."
    share = "hand the step what all rows share as recur.PerStep in params."
    return f"{give}, or {share}" if shape or name == "carry" else share


def _within(lengths: Array, num_steps: int) -> Array:
    t = jax.lax.broadcasted_iota(jnp.int32, (num_steps, *lengths.shape), 0)
    return t < jnp.broadcast_to(lengths, t.shape)


def _time_major(flag: Any, time_major: bool) -> Array | None:
    if flag is None:
        return None
    return jnp.asarray(flag) if time_major else jnp.swapaxes(flag, 0, 1)


def _reset_carry(
    where: str, reset: Array | None, reset_carry: PyTree, carry: PyTree
) -> PyTree:
    if reset is None and reset_carry is not None:
        raise ValueError(
            f"{where}: reset_carry came without reset; expected both or none. Say with "
            "reset where the carry starts anew."
        )
    if reset is None:
        return None
    if reset_carry is None:
        return jax.tree.map(jnp.zeros_like, carry)
    old, new = jax.tree.structure(carry), jax.tree.structure(reset_carry)
    if old != new:
        raise TypeError(
            f"{where}: reset_carry has the structure {new}; expected {old}, that of "
            "carry. Make it with the init_carry of the same cell."
        )
    return jax.tree.map(lambda a, like: _broadcast(where, a, like), reset_carry, carry)


def _broadcast(where: str, a: Any, like: Any) -> Array:
    a, wanted = jnp.asarray(a), jax.typeof(like)
    if a.dtype != wanted.dtype or a.shape != wanted.shape[wanted.ndim - a.ndim :]:
        raise ValueError(
            f"{where}: reset_carry has a leaf {checks.describe(a)}; expected "
            f"{checks.describe(wanted)}, as in carry, or that without its batch axes. "
            "Make it with the init_carry of the same cell."
        )
    return lay_as(like, jnp.broadcast_to(a, wanted.shape))
