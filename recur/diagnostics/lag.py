"""How far back the loss of one step is felt."""

from collections.abc import Sequence
from typing import Unpack

import jax
import jax.numpy as jnp

from recur.diagnostics.backward import LossFn, nudged_losses
from recur.diagnostics.rows import begin, check_at, norm, rows_of, steps_of
from recur.types import Array, Cell, PyTree, Step, UnrollOptions


def lag_gradient_norms(
    step: Step | Cell,
    loss_fn: LossFn,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    at: Sequence[int] | None = None,
    lags: int | None = None,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes how much of the loss of one step reaches the carry ``k`` steps before.

    .. math::
        \left\lVert \frac{\partial \ell_t}{\partial s_{t-k-1}} \right\rVert_2,
        \qquad k = 0, \dots, \mathrm{lags}

    A straight line on a logarithmic axis is a gradient that vanishes, or explodes, at
    one rate; where it falls below rounding, steps further apart are not learned.

    Costs one forward roll and one backward roll for each of ``at``, one after the
    other, and ``T`` times the carry in memory.

    Args:
      step: As in :func:`carry_gradients`.
      loss_fn: ``ys -> losses``, ``[T, ...]`` with the time axis first; what is of one
        step is summed.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      at: The steps whose loss is followed, from 0; by default the last one walked to.
      lags: How many steps back; by default as many as every one of ``at`` has.
      batch_ndim: As in :func:`carry_gradient_norms`.
      **time: The other arguments of :func:`recur.unroll`. In reverse, a lag reaches
        forwards in time.

    Returns:
      ``[len(at), lags + 1, *batch]``; lag 0 is the carry that enters the step itself.

    Raises:
      TypeError: As in :func:`carry_gradients`.
      ValueError: If ``losses`` has no time axis, a step of ``at`` is not there, or
        ``lags`` reaches beyond the first step.

    Example:
      >>> halve = lambda params, carry, x: (carry / 2, carry)
      >>> every = lambda ys: ys
      >>> lag_gradient_norms(halve, every, None, jnp.ones(1), None, length=9, lags=3)
      Array([[1.   , 0.5  , 0.25 , 0.125]], dtype=float32)
    """
    where = "lag_gradient_norms"
    carry, time = begin(where, step, params, carry, xs, time)
    steps, rows = steps_of(where, xs, time), rows_of(where, carry, batch_ndim)
    back = -1 if not time.get("reverse") else 1
    at = check_at(where, at, steps, [steps - 1 if back < 0 else 0])
    lags = _check_lags(where, lags, at if back < 0 else [steps - 1 - t for t in at])
    losses, nudges = nudged_losses(where, step, loss_fn, params, carry, xs, time)
    values, pull = jax.vjp(losses, nudges)
    _check_losses(where, values, steps)

    def follow(t: Array) -> Array:
        (gradients,) = pull(jnp.zeros_like(values).at[t].set(1))
        return norm(rows.pack(gradients, lead=(steps,)))[
            t + back * jnp.arange(lags + 1)
        ]

    return jax.lax.map(follow, jnp.array(at))


def _check_lags(where: str, lags: int | None, reach: Sequence[int]) -> int:
    most = min(reach)
    if lags is None:
        return most
    if isinstance(lags, bool) or not isinstance(lags, int) or not 0 <= lags <= most:
        raise ValueError(
            f"{where}: lags is {lags!r}; expected an integer from 0 to {most}, the "
            "steps before the first of at. Ask for fewer, or for later steps."
        )
    return lags


def _check_losses(where: str, losses: Array, steps: int) -> None:
    if not losses.ndim or losses.shape[0] != steps:
        raise ValueError(
            f"{where}: loss_fn returned {losses.dtype}{list(losses.shape)}; expected "
            f"{steps} steps on its first axis. Return the loss of each step, before "
            "the sum."
        )


__all__ = ["lag_gradient_norms"]
