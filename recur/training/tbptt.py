"""Truncated back-propagation through time of a whole stream, as one function."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_arrays
from recur._roll.first_carry import first_carries
from recur.training.truncated import TruncatedBPTT
from recur.training.walk import check_trainable
from recur.training.window import Steps, cut, make_steps
from recur.types import Array, Cell, PyTree, Remat, Step


def tbptt(
    step: Step | Cell,
    loss_fn: Callable[[PyTree, PyTree], Array],
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    targets: PyTree,
    *,
    window: int,
    every: int | None = None,
    seq_lengths: Array | None = None,
    mask: Array | None = None,
    reset: Array | None = None,
    reset_carry: Callable[[PyTree], PyTree] | None = None,
    remat: Remat = None,
) -> tuple[PyTree, Array, PyTree]:
    r"""Differentiates the loss of a whole stream by truncated back-propagation.

    .. math::
        g = \sum_{e} \frac{\partial}{\partial\theta}
            \sum_{t = e - k_2 + 1}^{e} \ell_t(\theta;\, s_{\max(0,\, e - k_1)}),
            \qquad e = k_2, 2 k_2, \dots, T

    This is the sum of the updates of :class:`TruncatedBPTT` with fixed params. If
    ``k₂`` does not divide ``T``, the losses that are left enter at ``e = T``, and go
    back ``k₁`` steps like all others (an update, which keeps less, cannot). Where
    ``k₁ ≥ T`` it is full back-propagation. One window at a time is in memory.

    Args:
      step: Any step or cell.
      loss_fn: ``(y, target) -> loss`` of one step, a number or one for each row; what
        is differentiated is the sum.
      params: As in :func:`recur.unroll`, but without :class:`recur.PerStep` or masks:
        where these are drawn, use :class:`TruncatedBPTT`.
      carry: Enters the first step; no gradient flows into it. ``None`` is the first
        carry of a cell.
      xs: Pytree of arrays ``[T, ...]``.
      targets: Pytree of arrays ``[T, ...]``. Where a step is not valid they are not
        looked at.
      window: ``k₁``, the steps that a gradient goes back.
      every: ``k₂``, the steps from one cut to the next; ``window`` by default.
      seq_lengths: As in :func:`recur.unroll`.
      mask: As in :func:`recur.unroll`.
      reset: As in :func:`recur.unroll`.
      reset_carry: ``params -> carry``, what a reset starts from; zeros by default.
      remat: As in :func:`recur.unroll`.

    Returns:
      ``(carry, loss, grads)``: the carry after the last step, the loss summed over rows
      and steps, and its truncated gradient in params.

    Raises:
      TypeError: As in :func:`recur.unroll`, or if params hold a series or anything but
        floating-point numbers.
      ValueError: As in :func:`recur.unroll`, if ``window`` is below ``every``, or
        ``step`` needs the whole sequence.

    Example:
      >>> cell, loss_fn = LSTM(4), lambda y, target: jnp.sum((y - target) ** 2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> stream = jnp.ones((100, 3)), jnp.zeros((100, 4))
      >>> carry, loss, grads = tbptt(
      ...     cell, loss_fn, params, cell.init_carry(), *stream, window=20, every=5)
      >>> grads.w_hh.shape
      (4, 16)

    References:
      Williams and Peng, `An efficient gradient-based algorithm for on-line training of
      recurrent network trajectories <https://doi.org/10.1162/neco.1990.2.4.490>`_,
      1990.
    """
    flags = {"seq_lengths": seq_lengths, "mask": mask, "reset": reset}
    check_arrays("tbptt", params=params, carry=carry)
    check_trainable("tbptt", params, whole=True)
    if carry is None:
        carry, _ = first_carries(
            "tbptt", step, params, None, xs, None, time_major=True, **flags
        )
    bptt = TruncatedBPTT(step, loss_fn, window, every, reset_carry, remat)
    steps = make_steps("tbptt", xs, targets, padded=window > bptt.stride, **flags)
    return _whole(bptt, params, carry, steps)


# Compiled here so that a second eager call traces nothing.
@partial(jax.jit, static_argnums=0)
def _whole(
    bptt: TruncatedBPTT, params: PyTree, carry: PyTree, steps: Steps
) -> tuple[PyTree, Array, PyTree]:
    count, rest = divmod(steps.length, bptt.stride)
    blocks = jax.tree.map(
        lambda a: a[: len(a) - rest].reshape(count, bptt.stride, *a.shape[1:]), steps
    )

    def advance(now: Any, block: Steps) -> tuple[Any, None]:
        state, _, total = now
        updated, *new = bptt.update(params, state, **block.arguments)
        return (updated, state.begin, jax.tree.map(jnp.add, total, tuple(new))), None

    one = cut(steps, 0, 1).arguments
    state = bptt.init(carry, **one)
    _, *shapes = jax.eval_shape(partial(bptt.update, **one), params, state)
    zeros = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), tuple(shapes))
    (state, begin, total), _ = jax.lax.scan(advance, (state, carry, zeros), blocks)
    if not rest:
        return state.carry, *total
    end, window = steps.length, bptt.window
    reached, first = max(0, end - rest - window), max(0, end - window)
    if first > reached:
        begin, _ = bptt.roll(params, begin, cut(steps, reached, first))
    last = jax.value_and_grad(partial(bptt.window_loss, newest=rest), has_aux=True)
    (loss, (_, carry)), grads = last(params, begin, cut(steps, first, None))
    return carry, *jax.tree.map(jnp.add, total, (loss, grads))


__all__ = ["tbptt"]
