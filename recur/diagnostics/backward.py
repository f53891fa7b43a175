"""The gradient on its way back: what reaches the carry at each step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from recur._arguments import check_functions
from recur._roll.per_step import PerStep
from recur._roll.steps import step_of
from recur._roll.unroll import unroll
from recur.diagnostics.rows import begin, norm, rows_of, split_floats, steps_of
from recur.types import Array, Cell, PyTree, Step, UnrollOptions

LossFn = Callable[[PyTree], Array]


def carry_gradients(
    step: Step | Cell,
    loss_fn: LossFn,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    **time: Unpack[UnrollOptions],
) -> PyTree:
    r"""Computes the gradient of a loss with respect to the carry that enters each step.

    .. math::
        \delta_t = \frac{\partial L}{\partial s_{t-1}}
            = \frac{\partial y_t}{\partial s_{t-1}}^\top
              \frac{\partial L}{\partial y_t}
            + \frac{\partial s_t}{\partial s_{t-1}}^\top \delta_{t+1}

    This is what back-propagation through time carries from step to step. Nothing of
    the step is written again: zeros are added to the carry as each step receives it,
    and the loss is differentiated with respect to them.

    Costs one forward and one backward roll, and ``T`` times the carry in memory.

    Args:
      step: As in :func:`recur.unroll`; it must have a ``step``.
      loss_fn: ``ys -> loss``, a number or an array, which is summed. It closes over
        targets and output layers; for a loss of carries roll ``emit_carry(step)``.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      A pytree like ``carry`` with a time axis first, ``[T, ...]``, whatever
      ``time_major``. A step that is not valid does nothing, and has zeros. A leaf that
      is not of floats has ``None``.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or ``carry`` has no floats.
      ValueError: As in :func:`recur.unroll`.

    Example:
      >>> halve = lambda params, carry, x: (carry / 2, carry)
      >>> last = lambda ys: ys[-1]
      >>> carry_gradients(halve, last, None, jnp.ones(1), None, length=4)[:, 0]
      Array([0.125, 0.25 , 0.5  , 1.   ], dtype=float32)

    References:
      Werbos, `Backpropagation through time: what it does and how to do it
      <https://doi.org/10.1109/5.58337>`_, 1990.
    """
    where = "carry_gradients"
    carry, time = begin(where, step, params, carry, xs, time)
    rows_of(where, carry, 0)
    losses, nudges = nudged_losses(where, step, loss_fn, params, carry, xs, time)
    found = iter(jax.grad(lambda d: jnp.sum(losses(d)))(nudges))
    floating = lambda a: jnp.issubdtype(jnp.result_type(a), jnp.floating)  # noqa: E731
    return jax.tree.map(lambda a: next(found) if floating(a) else None, carry)


def carry_gradient_norms(
    step: Step | Cell,
    loss_fn: LossFn,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes how long the gradient is at each step: vanishing and exploding, seen.

    .. math::
        \lVert \delta_t \rVert_2, \qquad
        \delta_t = \partial L / \partial s_{t-1}

    Costs what :func:`carry_gradients` costs.

    Args:
      step: As in :func:`carry_gradients`.
      loss_fn: As in :func:`carry_gradients`.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`; all of its leaves count together.
      xs: As in :func:`recur.unroll`.
      batch_ndim: Leading axes of the carry that are rows of a batch, each with a norm
        of its own; by default all but the last of the leaf with the fewest axes.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      ``[T, *batch]``, in the unit of the loss per unit of the carry.

    Raises:
      TypeError: As in :func:`carry_gradients`.
      ValueError: As in :func:`recur.unroll`, or ``batch_ndim`` does not fit the carry.

    Example:
      >>> cell = Elman(8)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> xs, last = jnp.ones((50, 2, 3)), lambda ys: jnp.sum(ys[-1])
      >>> norms = carry_gradient_norms(cell, last, params, cell.init_carry((2,)), xs)
      >>> norms.shape, bool((norms[0] < norms[-1]).all())
      ((50, 2), True)

    References:
      Pascanu, Mikolov and Bengio, `On the difficulty of training recurrent neural
      networks <https://proceedings.mlr.press/v28/pascanu13.html>`_, 2013.
    """
    where = "carry_gradient_norms"
    carry, time = begin(where, step, params, carry, xs, time)
    rows = rows_of(where, carry, batch_ndim)
    losses, nudges = nudged_losses(where, step, loss_fn, params, carry, xs, time)
    gradients = jax.grad(lambda d: jnp.sum(losses(d)))(nudges)
    return norm(rows.pack(gradients, lead=(steps_of(where, xs, time),)))


@dataclass(frozen=True)
class _Nudged:
    """A value, so that equal ones share a compiled roll."""

    inner: Step

    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        params, nudges = params
        floats, put = split_floats(carry)
        pairs = zip(floats, nudges, strict=True)
        return self.inner(params, put([s + d for s, d in pairs]), x)


def nudged_losses(
    where: str,
    step: Any,
    loss_fn: LossFn,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    time: UnrollOptions,
) -> tuple[Callable[[list[Array]], Array], list[Array]]:
    """Makes the losses a function of what is added to the carry at each step.

    Returns:
      That function, and the zeros to call it with.
    """
    check_functions(where, loss_fn=loss_fn)
    nudged, steps = _Nudged(step_of(where, step)), steps_of(where, xs, time)

    def losses(nudges: list[Array]) -> Array:
        rolled = unroll(nudged, (params, PerStep(nudges)), carry, xs, **time)
        return jnp.asarray(loss_fn(rolled[1]))

    floats = split_floats(carry)[0]
    return losses, [jnp.zeros((steps, *a.shape), a.dtype) for a in floats]


__all__ = ["carry_gradient_norms", "carry_gradients"]
