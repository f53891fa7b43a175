"""The roll over time: one step function in, a whole sequence out."""

from typing import Any

import jax
import jax.numpy as jnp

from recur import checks
from recur.types import Array, Cell, PyTree, Step


def unroll(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    reverse: bool = False,
    time_major: bool = True,
    length: int | None = None,
    scan_unroll: int = 1,
) -> tuple[PyTree, PyTree]:
    r"""Rolls a step over a sequence, handing the carry on from each step to the next.

    .. math::
        (s_t, y_t) = \mathrm{step}(\theta, s_{t-1}, x_t), \qquad t = 1, \dots, T

    Equals the loop ``for x in xs: carry, y = step(params, carry, x)``, which is
    :func:`static_unroll`, but compiles the step once. Differentiating it is
    back-propagation through time. To trade time for memory pass
    ``jax.checkpoint(step)``; to see every carry pass ``emit_carry(step)``.

    Args:
      step: Any pure ``(params, carry, x) -> (carry, y)`` that keeps the type of its
        carry, or a cell such as ``LSTM(256)``.
      params: Passed unchanged to every step; gradients are summed over time.
      carry: Enters the first step taken, which in reverse is the last in time.
      xs: Pytree of arrays ``[T, ...]``, or ``[B, T, ...]`` if not ``time_major``; or
        ``None``, and every step is given ``None``.
      reverse: Walk from the last step to the first; ``ys`` stays in input order.
      time_major: Whether time is the first axis of ``xs`` and ``ys`` or the second.
        A carry never has a time axis.
      length: ``T``; needed only when ``xs`` has no arrays.
      scan_unroll: Steps in one iteration of the compiled loop; same result.

    Returns:
      ``(carry, ys)``: the carry after the last step taken, and the outputs of all
      steps, stacked on the time axis where ``xs`` has it.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or changes the structure,
        a shape or a dtype of its carry.
      ValueError: If the leaves of ``xs`` differ in ``T``, or ``T`` is not known.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> carry, ys = unroll(running_sum, None, jnp.float32(0), jnp.arange(4.0))
      >>> carry, ys
      (Array(6., dtype=float32), Array([0., 1., 3., 6.], dtype=float32))

    References:
      Werbos, `Backpropagation through time: what it does and how to do it
      <https://doi.org/10.1109/5.58337>`_, 1990.
    """
    advance = step_of("unroll", step)
    options = {"reverse": reverse, "time_major": time_major, "scan_unroll": scan_unroll}
    length = num_steps("unroll", xs, length, time_major=time_major)
    roll = _roll if _unhashable(advance) else _compiled_roll
    return roll(advance, params, carry, xs, length=length, **options)


def static_unroll(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    reverse: bool = False,
    time_major: bool = True,
    length: int | None = None,
) -> tuple[PyTree, PyTree]:
    """Rolls a step over a sequence in a plain Python loop.

    The meaning of :func:`unroll`, written out: the oracle of the tests, and a way to
    step through a sequence in a debugger. Under ``jax.jit`` it traces every step anew.

    Args:
      step: As in :func:`unroll`.
      params: As in :func:`unroll`.
      carry: As in :func:`unroll`.
      xs: As in :func:`unroll`.
      reverse: As in :func:`unroll`.
      time_major: As in :func:`unroll`.
      length: As in :func:`unroll`.

    Returns:
      ``(carry, ys)``, as in :func:`unroll`.

    Raises:
      TypeError: As in :func:`unroll`.
      ValueError: As in :func:`unroll`.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> static_unroll(running_sum, None, jnp.float32(0), jnp.arange(4.0))[1]
      Array([0., 1., 3., 6.], dtype=float32)
    """
    advance = step_of("static_unroll", step)
    length = num_steps("static_unroll", xs, length, time_major=time_major)
    axis = 0 if time_major else 1
    ys = [None] * length
    for t in reversed(range(length)) if reverse else range(length):
        x = jax.tree.map(lambda a: jnp.take(a, t, axis), xs)  # noqa: B023
        carry, ys[t] = _checked_step("static_unroll", advance, params, carry, x)
    if not length:
        return carry, _no_outputs(advance, params, carry, xs, axis)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves, axis), *ys)


def emit_carry(step: Step | Cell) -> Step:
    """Makes a step that also puts out its new carry: ``y`` becomes ``(y, carry)``.

    Args:
      step: Any step or cell.

    Returns:
      ``(params, carry, x) -> (carry, (y, carry))``; rolled, it gives the outputs and
      every carry, stacked over time.

    Raises:
      TypeError: If ``step`` is neither function nor cell.

    Example:
      >>> count = lambda params, carry, x: (carry + 1, x)
      >>> carry, (ys, carries) = unroll(emit_carry(count), None, 0, jnp.zeros(3))
      >>> carries
      Array([1, 2, 3], dtype=int32...)
    """
    inner = step_of("emit_carry", step)

    def emitting(params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        carry, y = inner(params, carry, x)
        return carry, (y, carry)

    return emitting


def step_of(where: str, step: Any) -> Any:
    """Takes a step as it is, and of a cell its ``step``.

    Example:
      >>> step_of("doc", len) is len
      True
    """
    if callable(getattr(step, "step", None)):
        step = step.step
    if callable(step):
        return step
    raise TypeError(
        f"{where}: step is {checks.describe(step)}; expected a function "
        "(params, carry, x) -> (carry, y) or a cell such as recur.LSTM(256)."
    )


def num_steps(where: str, xs: PyTree, length: int | None, *, time_major: bool) -> int:
    """Reads ``T`` off the leaves of ``xs``, or takes ``length`` when there are none.

    Example:
      >>> num_steps("doc", jnp.zeros((7, 2)), None, time_major=True)
      7
    """
    axis = 0 if time_major else 1
    found = {} if length is None else {"length": length}
    for path, leaf in jax.tree.leaves_with_path(xs):
        name = "xs" + jax.tree_util.keystr(path)
        if jnp.ndim(leaf) <= axis:
            raise ValueError(
                f"{where}: {name} is {checks.describe(leaf)}; expected a time axis at "
                f"position {axis} (time_major={time_major})."
            )
        found[name] = jnp.shape(leaf)[axis]
    if not found:
        raise ValueError(
            f"{where}: xs has no arrays and length is None; expected one of them to "
            "tell the number of steps. Pass length=T."
        )
    if len(set(found.values())) > 1:
        raise ValueError(
            f"{where}: the numbers of steps differ: {found}; expected the same on axis "
            f"{axis} of every leaf of xs, and in length. Cut or pad them to one T."
        )
    return next(iter(found.values()))


def _checked_step(
    where: str, step: Step, params: PyTree, carry: PyTree, x: PyTree
) -> tuple[PyTree, PyTree]:
    result = step(params, carry, x)
    checks.check_pair(where, result)
    checks.check_same_carry(where, carry, result[0])
    return result


def _roll(
    step: Step,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    length: int,
    reverse: bool,
    time_major: bool,
    scan_unroll: int,
) -> tuple[PyTree, PyTree]:
    def body(carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        return _checked_step("unroll", step, params, carry, x)

    xs = xs if time_major else swap_time_batch(xs)
    carry, ys = jax.lax.scan(
        body, carry, xs, length=length, reverse=reverse, unroll=scan_unroll
    )
    return carry, ys if time_major else swap_time_batch(ys)


# Compiled here so that a second eager call traces nothing. The step is part of the key:
# cells compare by value, functions by identity, as jax.lax.scan itself has it.
_compiled_roll = jax.jit(
    _roll,
    static_argnums=0,
    static_argnames=("length", "reverse", "time_major", "scan_unroll"),
)


def _unhashable(step: Step) -> bool:
    try:
        hash(step)
    except TypeError:
        return True
    return False


def swap_time_batch(tree: PyTree) -> PyTree:
    """Exchanges the first two axes of every leaf.

    Example:
      >>> swap_time_batch(jnp.zeros((7, 2, 3))).shape
      (2, 7, 3)
    """
    return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)


def _no_outputs(
    step: Step, params: PyTree, carry: PyTree, xs: PyTree, axis: int
) -> PyTree:
    def like(a: Array) -> jax.ShapeDtypeStruct:
        shape = a.shape[:axis] + a.shape[axis + 1 :]
        return jax.ShapeDtypeStruct(shape, a.dtype)

    _, y = jax.eval_shape(step, params, carry, jax.tree.map(like, xs))
    shapes = jax.tree.map(lambda a: (*a.shape[:axis], 0, *a.shape[axis:]), y)
    return jax.tree.map(lambda a, shape: jnp.zeros(shape, a.dtype), y, shapes)


__all__ = ["emit_carry", "static_unroll", "unroll"]
