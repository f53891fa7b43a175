"""The roll over time: one step function in, a whole sequence out."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax

from recur.fast import sizes
from recur.fast.choice import Implementation, check_implementation, take_apart
from recur.fast.chunks import Walk, chunked_roll
from recur.fast.parts import Parts
from recur.flags import Flags, blank, make_flags, steer
from recur.memory import Memory, segment_steps, through_segments
from recur.sequences import num_steps, swap_time_batch
from recur.series import check_series, constant, split_series
from recur.steps import checked_step, step_of
from recur.types import Array, Cell, PyTree, Step


def unroll(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
    reset_carry: PyTree = None,
    reverse: bool = False,
    time_major: bool = True,
    length: int | None = None,
    memory: Memory = "full",
    implementation: Implementation = "auto",
    scan_unroll: int = 1,
) -> tuple[PyTree, PyTree]:
    r"""Rolls a step over a sequence, handing the carry on from each step to the next.

    .. math::
        (s_t, y_t) = \mathrm{step}(\theta, s_{t-1}, x_t), \qquad t = 1, \dots, T

    Equals the loop ``for x in xs: carry, y = step(params, carry, x)``, which is
    :func:`static_unroll`, but compiles the step once. Differentiating it is
    back-propagation through time.

    A step is valid where it lies within ``seq_lengths`` and ``mask`` is True. A step
    that is not does nothing at all: the carry stays, ``ys`` are zero there, its reset
    is ignored, and whatever ``xs`` holds there (NaN and Inf too) reaches neither values
    nor gradients. All of these go together, for any step and any pytrees.

    Args:
      step: Any pure ``(params, carry, x) -> (carry, y)`` that keeps the type of its
        carry, or a cell such as ``LSTM(256)``. An object with an ``unroll`` of its own,
        such as ``Bidirectional``, is asked to roll itself.
      params: Passed unchanged to every step, but for each :class:`Series`, of which a
        step gets its slice; gradients are summed over time.
      carry: Enters the first step taken, which in reverse is the last in time.
      xs: Pytree of arrays ``[T, ...]``, or ``[B, T, ...]`` if not ``time_major``; or
        ``None``, and every step is given ``None``.
      seq_lengths: Integers ``[...]`` from 0 to ``T``, one a row of the batch. Under
        ``jax.jit``, where values are not known, less acts as 0 and more as ``T``.
      mask: Booleans ``[T, ...]``, laid out as ``xs``; False steps do nothing.
      reset: Booleans ``[T, ...]``, laid out as ``xs``; True marks the first step of a
        segment. The carry starts anew when a segment is entered; walking in reverse,
        when the first step of a segment has been taken. So the segments are the same.
      reset_carry: What it starts anew from, like ``carry`` or without batch axes; zeros
        by default. Gradients reach it.
      reverse: Walk from the last step to the first; ``ys`` stays in input order.
      time_major: Whether time is the first axis of ``xs`` and ``ys`` or the second.
        A carry never has a time axis.
      length: ``T``; needed only when ``xs`` has no arrays.
      memory: What is kept for the gradient: ``"full"`` keeps every step; ``k`` keeps
        the carry at every ``k``-th step and computes the rest again; ``"sqrt"`` does
        that with ``k = √T``. Same values and gradients.
      implementation: ``"scan"`` is the plain ``jax.lax.scan`` of the step;
        ``"chunked"`` does for many steps at once whatever does not need the carry, and
        differentiates the rest with a leaner rule, wherever a step can be taken apart
        so; ``"auto"`` does that where it is quicker. Equal to rounding, in all modes.
      scan_unroll: Steps in one iteration of the plain scan; same result.

    Returns:
      ``(carry, ys)``: the carry after the last valid step of each row, and the outputs
      of all steps, stacked on the time axis where ``xs`` has it.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or changes the structure,
        a shape or a dtype of its carry, or a flag is of another dtype.
      ValueError: If the leaves of ``xs`` differ in ``T``, or ``T`` is not known, or
        flags and batch axes do not fit, or a length is below 0 or above ``T``, or
        ``implementation`` is not known.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> carry, ys = unroll(running_sum, None, jnp.zeros(2), jnp.ones((4, 2)),
      ...                    seq_lengths=jnp.array([2, 4]))
      >>> carry
      Array([2., 4.], dtype=float32)
      >>> ys.T
      Array([[1., 2., 0., 0.],
             [1., 2., 3., 4.]], dtype=float32)

    References:
      Werbos, `Backpropagation through time: what it does and how to do it
      <https://doi.org/10.1109/5.58337>`_, 1990.
    """
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    flags |= {"reset_carry": reset_carry, "time_major": time_major}
    options: dict[str, Any] = {"reverse": reverse, "scan_unroll": scan_unroll}
    options["implementation"] = implementation
    check_implementation("unroll", implementation)
    itself: Any = getattr(step, "unroll", None)
    if itself is not None:
        return itself(
            params, carry, xs, length=length, memory=memory, **flags, **options
        )
    advance = step_of("unroll", step)
    length = num_steps("unroll", xs, length, time_major=time_major)
    check_series("unroll", params, length)
    seen, anew = make_flags("unroll", carry, xs, length, **flags)
    segment = segment_steps("unroll", memory, length)
    roll = _roll if _unhashable(advance) else _compiled_roll
    options |= {"length": length, "segment": segment, "time_major": time_major}
    options["chunk"] = sizes.chunk_steps(carry, length)
    return roll(advance, params, carry, xs, seen, anew, **options)


def stream(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    chunks: Iterable[PyTree],
    **time: Any,
) -> Iterator[tuple[PyTree, PyTree]]:
    """Rolls a step over a sequence that comes in pieces, handing the carry on.

    One chunk, one step at a time or the whole give the same numbers. Chunks of one
    length share one compiled roll.

    Args:
      step: As in :func:`unroll`.
      params: As in :func:`unroll`.
      carry: Enters the first chunk.
      chunks: Each as ``xs`` in :func:`unroll`; any iterable, so they may arrive later.
      **time: ``time_major`` and ``memory``, as in :func:`unroll`.

    Yields:
      ``(carry, ys)`` after each chunk.

    Raises:
      TypeError: As in :func:`unroll`.
      ValueError: As in :func:`unroll`.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> chunks = jnp.arange(2.0), jnp.arange(2.0, 5.0)
      >>> [ys for _, ys in stream(running_sum, None, jnp.float32(0), chunks)]
      [Array([0., 1.], dtype=float32), Array([ 3., 6., 10.], dtype=float32)]
    """
    for xs in chunks:
        carry, ys = unroll(step, params, carry, xs, **time)
        yield carry, ys


def _roll(
    step: Step,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    anew: PyTree,
    *,
    length: int,
    reverse: bool,
    time_major: bool,
    segment: int | None,
    implementation: Implementation,
    chunk: int,
    scan_unroll: int,
) -> tuple[PyTree, PyTree]:
    xs = blank(flags.valid, xs if time_major else swap_time_batch(xs))
    rest, xs, whole = _with_series(checked_step("unroll", step), params, xs)
    parts = None
    if implementation != "scan" and length:
        x = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), xs)
        given = step if rest is params else whole
        where_it_pays = implementation == "auto"
        parts, whole = take_apart(
            given, whole, rest, carry, x, where_it_pays=where_it_pays
        )
    if parts is None:
        function = partial(_scan, whole, rest, anew, reverse, scan_unroll)
    else:
        function = partial(_chunked, parts, rest, anew, reverse, chunk)
    walk = {"length": length, "steps": segment or max(1, length), "reverse": reverse}
    again = _once if segment is None else jax.checkpoint
    carry, ys = through_segments(again, function, carry, (xs, flags), **walk)
    return carry, ys if time_major else swap_time_batch(ys)


def _scan(
    step: Step,
    params: PyTree,
    anew: PyTree,
    reverse: bool,
    scan_unroll: int,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:

    def body(carry: PyTree, inputs: Any) -> tuple[PyTree, PyTree]:
        x, flags = inputs
        steered = steer(flags, anew, reverse=reverse)
        return steered(lambda start: step(params, start, x), carry)

    options = {"length": length, "reverse": reverse, "unroll": scan_unroll}
    return jax.lax.scan(body, carry, inputs, **options)


def _chunked(
    parts: Parts,
    params: PyTree,
    anew: PyTree,
    reverse: bool,
    chunk: int,
    carry: PyTree,
    inputs: tuple[PyTree, Flags],
    *,
    length: int,
) -> tuple[PyTree, PyTree]:
    walk = Walk(length, sizes.even_steps(length, chunk), reverse)
    return chunked_roll(parts, params, carry, *inputs, anew, walk)


def _with_series(step: Step, params: PyTree, xs: PyTree) -> tuple[PyTree, PyTree, Step]:
    """Hands the slices of series to each step as part of its input."""
    series, at = split_series(params)
    if not series:
        return params, xs, step

    def with_slices(rest: PyTree, carry: PyTree, x: Any) -> tuple[PyTree, PyTree]:
        x, slices = x
        return step(at(slices, rest), carry, x)

    return constant(params), (xs, series), with_slices


def _once(function: Callable, **_: Any) -> Callable:
    return function


# Compiled here so that a second eager call traces nothing. The step is part of the key:
# cells compare by value, functions by identity, as jax.lax.scan itself has it.
_compiled_roll = jax.jit(
    _roll,
    static_argnums=0,
    static_argnames=(
        *("length", "reverse", "time_major", "segment"),
        *("implementation", "chunk", "scan_unroll"),
    ),
)


def _unhashable(step: Step) -> bool:
    try:
        hash(step)
    except TypeError:
        return True
    return False


__all__ = ["stream", "unroll"]
