"""A roll over a sequence that comes in pieces."""

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_arrays, check_bools
from recur._roll.flags import check_lengths
from recur._roll.steps import check_pieces, step_of
from recur._roll.time_axis import num_steps
from recur._roll.unroll import unroll
from recur.types import Array, Cell, PyTree, Remat, Step


def stream(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    chunks: Iterable[PyTree],
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
    reset_carry: PyTree = None,
    time_major: bool = True,
    remat: Remat = None,
) -> Iterator[tuple[PyTree, PyTree]]:
    """Rolls a step over a sequence that comes in pieces, handing the carry on.

    One chunk, one step at a time or the whole give the same numbers. Chunks of one
    length share one compiled roll. A walk backwards, and a layer that needs the whole
    sequence, cannot be had in pieces.

    Args:
      step: As in :func:`unroll`.
      params: As in :func:`unroll`.
      carry: Enters the first chunk.
      chunks: Each as ``xs`` in :func:`unroll`; any iterable, so they may arrive later.
      seq_lengths: Of the whole sequence; each chunk gets its part of them.
      mask: Of the whole sequence, cut in the same way.
      reset: Of the whole sequence, cut in the same way.
      reset_carry: As in :func:`unroll`.
      time_major: As in :func:`unroll`.
      remat: As in :func:`unroll`.

    Yields:
      ``(carry, ys)`` after each chunk.

    Raises:
      TypeError: As in :func:`unroll`.
      ValueError: As in :func:`unroll`, if ``step`` needs the whole sequence, or the
        chunks are longer together than ``mask`` or ``reset``.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> chunks = jnp.arange(2.0), jnp.arange(2.0, 5.0)
      >>> [ys for _, ys in stream(running_sum, None, jnp.float32(0), chunks)]
      [Array([0., 1.], dtype=float32), Array([ 3., 6., 10.], dtype=float32)]
    """
    check_pieces("stream", step, "Roll the whole with recur.unroll.")
    step_of("stream", step)
    check_bools("stream", time_major=time_major)
    given = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    check_arrays("stream", **given)
    if not isinstance(chunks, Iterable):
        raise TypeError(
            f"stream: chunks is {checks.describe(chunks)}; expected an iterable, each "
            "of which is as xs of recur.unroll. Write [xs] for one."
        )
    if seq_lengths is not None:
        seq_lengths = check_lengths("stream", seq_lengths, None)
    flags = {"mask": mask, "reset": reset}
    options: dict[str, Any] = {"reset_carry": reset_carry, "time_major": time_major}
    options |= {"remat": remat}
    return _chunks(step, params, carry, chunks, seq_lengths, flags, options)


def _chunks(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    chunks: Iterable[PyTree],
    seq_lengths: Array | None,
    flags: dict[str, Any],
    options: dict[str, Any],
) -> Iterator[tuple[PyTree, PyTree]]:
    begin, time_major = 0, options["time_major"]
    for xs in chunks:
        length = num_steps("stream", xs, None, time_major=time_major)
        here: dict[str, Any] = {
            name: _cut(name, flag, begin, length, 0 if time_major else 1)
            for name, flag in flags.items()
        }
        if seq_lengths is not None:
            here["seq_lengths"] = jnp.clip(seq_lengths - begin, 0, length)
        carry, ys = unroll(step, params, carry, xs, **here, **options)
        begin += length
        yield carry, ys


def _cut(name: str, flag: Any, begin: int, length: int, axis: int) -> Any:
    if flag is None:
        return None
    if jnp.ndim(flag) <= axis or jnp.shape(flag)[axis] < begin + length:
        raise ValueError(
            f"stream: {name} is {checks.describe(flag)} and the chunks have come to "
            f"{begin + length} steps; expected a {name} of the whole sequence on axis "
            f"{axis}. Give one for all steps."
        )
    return jax.lax.slice_in_dim(jnp.asarray(flag), begin, begin + length, axis=axis)


__all__ = ["stream"]
