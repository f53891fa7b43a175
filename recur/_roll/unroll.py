"""The roll over time: one step function in, a whole sequence out."""

from functools import partial
from typing import Any

import jax

from recur import _arguments as arguments
from recur import _checks as checks
from recur._portable import known_sizes
from recur._roll.dispatch import check_implementation, choose, rollers_of
from recur._roll.first_carry import first_carries
from recur._roll.flags import Flags, make_flags
from recur._roll.identity import Programs
from recur._roll.masking import fill_inputs
from recur._roll.outputs import check_invalid_ys, hold_outputs
from recur._roll.per_step import check_series, fill_series
from recur._roll.remat import segment_steps, through_segments
from recur._roll.roller import RollPlan, make_roll
from recur._roll.steps import rolls_itself, step_of
from recur._roll.time_axis import num_steps, swap_time_batch
from recur.types import Array, Cell, Implementation, InvalidYs, PyTree, Remat, Step


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
    remat: Remat = None,
    invalid_ys: InvalidYs = "zero",
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
    nor gradients. The step is run there on the input and the carry of a valid step, so
    that it may be singular anywhere else, as ``log`` is at zero. All of these go
    together, for any step and any pytrees.

    Args:
      step: Any pure ``(params, carry, x) -> (carry, y)`` that keeps the type of its
        carry, or a cell such as ``LSTM(256)``. A :class:`recur.Layer`, such as
        ``Bidirectional``, rolls itself.
      params: Passed unchanged to every step, but for each :class:`PerStep`, of which a
        step gets its slice; gradients are summed over time.
      carry: Enters the first step taken, which in reverse is the last in time.
        ``None`` is the first carry of a cell, from its ``init_carry`` and its params,
        for the batch axes of the flags, or else those between the first axis of ``xs``
        and the last (of integers: after the first).
      xs: Pytree of arrays ``[T, ...]``, or ``[B, T, ...]`` if not ``time_major``; or
        ``None``, and every step is given ``None``.
      seq_lengths: Integers ``[...]`` from 0 to ``T``, one a row of the batch. Under
        ``jax.jit``, where values are not known, less acts as 0 and more as ``T``.
      mask: Booleans ``[T, ...]``, laid out as ``xs``; False steps do nothing.
      reset: Booleans ``[T, ...]``, laid out as ``xs``; True marks the first step of a
        segment. The carry starts anew when a segment is entered; walking in reverse,
        when the first step of a segment has been taken. So the segments are the same.
      reset_carry: What it starts anew from, like ``carry`` or without batch axes. By
        default a cell starts from the carry that its ``init_carry`` makes, learned or
        not, and a function from zeros. Gradients reach it.
      reverse: Walk from the last step to the first; ``ys`` stays in input order.
      time_major: Whether time is the first axis of ``xs`` and ``ys`` or the second.
        A carry never has a time axis.
      length: ``T``; needed only when ``xs`` has no arrays.
      remat: How much is computed again for the gradient. ``None`` keeps every step;
        ``k`` keeps the carry at every ``k``-th step and rematerialises the rest;
        ``"sqrt"`` does that with ``k = √T``. Same values and gradients.
      invalid_ys: What ``ys`` are where a step is not valid: ``"zero"``, or ``"hold"``
        for those of the last valid step before it on the walk, zero if there is none.
      implementation: ``"scan"`` is the plain ``jax.lax.scan`` of the step;
        ``"chunked"`` does for many steps at once whatever does not need the carry, and
        differentiates the rest with a leaner rule, which asks for a step that can be
        taken apart so; ``"associative"`` computes a step whose carry is affine in
        itself, entry by entry, in parallel in time; ``"auto"`` takes what is quickest
        where the program runs. Of a tuple of names the first that can is taken. Equal
        to rounding, in all modes.
      scan_unroll: Steps in one iteration of the plain scan; same result.

    Returns:
      ``(carry, ys)``: the carry after the last valid step of each row, and the outputs
      of all steps, stacked on the time axis where ``xs`` has it.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or changes the structure,
        a shape or a dtype of its carry, or a flag is of another dtype.
      ValueError: If the leaves of ``xs`` differ in ``T``, or ``T`` is not known, or
        flags and batch axes do not fit, or a length is below 0 or above ``T``, or
        ``invalid_ys`` or ``implementation`` is not known or cannot take the step.

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
    check_implementation("unroll", implementation)
    check_invalid_ys("unroll", invalid_ys)
    arguments.check_bools("unroll", reverse=reverse, time_major=time_major)
    checks.check_size("unroll", "scan_unroll", scan_unroll)
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    given: dict[str, Any] = {"params": params, "carry": carry, "xs": xs}
    arguments.check_arrays("unroll", **given, **flags, reset_carry=reset_carry)
    carry, reset_carry = first_carries(
        "unroll", step, params, carry, xs, reset_carry, time_major=time_major, **flags
    )
    flags |= {"reset_carry": reset_carry, "time_major": time_major}
    options: dict[str, Any] = {"reverse": reverse, "scan_unroll": scan_unroll}
    options["implementation"] = implementation
    options |= {"length": length, "remat": remat}
    layer: Any = step
    roll = layer.unroll if rolls_itself(step) else partial(_roll_step, step)
    carry, ys = roll(params, carry, xs, **flags, **options)
    if invalid_ys == "hold":
        ys = hold_outputs(ys, xs, reverse=reverse, **flags)
    return carry, ys


def _roll_step(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    length: int | None,
    remat: Remat,
    seq_lengths: Array | None,
    mask: Array | None,
    reset: Array | None,
    reset_carry: PyTree,
    reverse: bool,
    time_major: bool,
    implementation: Implementation,
    scan_unroll: int,
) -> tuple[PyTree, PyTree]:
    advance = step_of("unroll", step)
    length = num_steps("unroll", xs, length, time_major=time_major)
    check_series("unroll", params, length)
    flags: dict[str, Any] = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    flags |= {"reset_carry": reset_carry, "time_major": time_major}
    seen, anew = make_flags("unroll", carry, xs, length, **flags)
    segment = segment_steps("unroll", remat, length)
    symbolic = not known_sizes(carry, xs)
    options: dict[str, Any] = {"time_major": time_major}
    options["plan"] = RollPlan(length, reverse, segment, symbolic, scan_unroll)
    options |= {"names": rollers_of(implementation), "pays": implementation == "auto"}
    return _compiled_roll(advance, params, carry, xs, seen, anew, **options)


def _roll(
    step: Step,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    flags: Flags,
    anew: PyTree,
    *,
    plan: RollPlan,
    names: tuple[str, ...],
    pays: bool,
    time_major: bool,
) -> tuple[PyTree, PyTree]:
    xs = xs if time_major else swap_time_batch(xs)
    xs, starts = fill_inputs(flags, anew, carry, xs, reverse=plan.reverse)
    params = fill_series(flags.valid, params, reverse=plan.reverse)
    one = partial(choose, "unroll", names=names, pays=pays)
    roll = make_roll(step, params, carry, xs, flags, starts, plan, one)
    ready = one(roll)
    inputs = roll.xs, flags
    if plan.segment is None:
        carry, ys = ready.segment(roll.carry, inputs, length=plan.length)
    else:
        carry, ys = through_segments(
            jax.checkpoint,
            ready.segment,
            roll.carry,
            inputs,
            length=plan.length,
            steps=plan.segment,
            reverse=plan.reverse,
        )
    return carry, ys if time_major else swap_time_batch(ys)


# Compiled here so that a second eager call traces nothing.
_compiled_roll = Programs(_roll, static=("plan", "names", "pays", "time_major"))


__all__ = ["unroll"]
