"""The rates at which directions of the carry grow or shrink: Lyapunov exponents."""

from dataclasses import dataclass
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.steps import step_of
from recur.diagnostics.rows import (
    Rows,
    begin,
    linearize,
    roll_beside,
    rows_of,
    steps_of,
)
from recur.types import Array, Cell, PyTree, Step, UnrollOptions


def lyapunov_exponents(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    count: int = 1,
    skip: int = 0,
    key: Array | None = None,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes the largest Lyapunov exponents along a sequence, as Benettin does.

    .. math::
        \lambda_i = \lim_{T \to \infty} \frac{1}{T}
            \log \sigma_i(J_T J_{T-1} \cdots J_1)

    The mean of :func:`log_growths` over the valid steps. A gradient changes, over many
    steps, as ``exp(λ_1 t)``: below 0 it vanishes, with a memory of ``-1/λ_1`` steps;
    above 0 it explodes and the carry is chaotic; the cures aim at 0.

    Args:
      step: Any step or cell.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`, of ``n`` numbers a row.
      xs: As in :func:`recur.unroll`.
      count: ``k``, how many exponents, up to ``n``.
      skip: Steps at the start of the walk that are left out of the mean, while the
        directions turn to where growth is largest.
      key: Random key of the first directions, by default ``jax.random.key(0)``.
      batch_ndim: Leading axes of the carry that are rows of a batch; by default all but
        the last of the leaf with the fewest axes.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      ``[*batch, k]``, in nats per step, in the order in which they grow; NaN for a row
      without a valid step.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or ``carry`` has no floats.
      ValueError: If ``count`` is above ``n``, or ``skip`` leaves no step.

    Example:
      >>> shrink = lambda params, carry, x: (params * carry, None)
      >>> params, carry = jnp.exp(jnp.array([-0.5, 0.25])), jnp.ones(2)
      >>> lyapunov_exponents(
      ...     shrink, params, carry, None, length=60, count=2, skip=20).round(2)
      Array([ 0.25, -0.5 ], dtype=float32)

    References:
      Benettin, Galgani, Giorgilli and Strelcyn, `Lyapunov characteristic exponents for
      smooth dynamical systems <https://doi.org/10.1007/BF02128236>`_, 1980; Vogt,
      Puelma Touzel, Shlizerman and Lajoie, `On Lyapunov exponents for RNNs
      <https://doi.org/10.3389/fams.2022.818799>`_, 2022.
    """
    steps = steps_of("lyapunov_exponents", xs, time)
    if isinstance(skip, bool) or not isinstance(skip, int) or not 0 <= skip < steps:
        raise ValueError(
            f"lyapunov_exponents: skip is {skip!r}; expected an integer from 0 to "
            f"{steps - 1}, so that a step is left. Skip fewer, or pass a longer xs."
        )
    options = {"count": count, "key": key, "batch_ndim": batch_ndim}
    growths = log_growths(step, params, carry, xs, **options, **time)
    kept = growths[: steps - skip] if time.get("reverse") else growths[skip:]
    return jnp.nanmean(kept, axis=0)


def log_growths(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    count: int = 1,
    key: Array | None = None,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes by how much each step stretches the directions that grow most.

    .. math::
        J_t Q_{t-1} = Q_t R_t, \qquad \log \lvert \mathrm{diag}(R_t) \rvert

    ``k`` orthonormal directions travel beside the carry in one roll, pushed by the
    derivative of each step and made orthonormal again. Their sum over time, divided by
    it, is the estimate of the exponents that :func:`lyapunov_exponents` gives.

    Costs ``k`` forward derivatives of each step, and ``n k²`` to make the directions
    orthonormal; in memory ``k`` carries, whatever ``T``, and the ``T × k`` numbers that
    come back.

    Args:
      step: Any step or cell.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`, of ``n`` numbers a row.
      xs: As in :func:`recur.unroll`.
      count: As in :func:`lyapunov_exponents`.
      key: As in :func:`lyapunov_exponents`.
      batch_ndim: As in :func:`lyapunov_exponents`.
      **time: The other arguments of :func:`recur.unroll`. A reset starts the directions
        anew.

    Returns:
      ``[T, *batch, k]`` in nats; NaN where a step is not valid, ``-inf`` where a
      direction is lost altogether.

    Raises:
      TypeError: As in :func:`lyapunov_exponents`.
      ValueError: If ``count`` is above ``n``.

    Example:
      >>> halve = lambda params, carry, x: (carry / 2, None)
      >>> log_growths(halve, None, jnp.ones(3), None, length=2).round(3)
      Array([[-0.693],
             [-0.693]], dtype=float32)
    """
    where = "log_growths"
    carry, time = begin(where, step, params, carry, xs, time)
    rows = rows_of(where, carry, batch_ndim)
    checks.check_size(where, "count", count)
    if count > rows.size:
        raise ValueError(
            f"{where}: count is {count}; expected up to {rows.size}, the numbers in "
            "one row of the carry. Ask for fewer."
        )
    key = jax.random.key(0) if key is None else key
    checks.check_key(where, key)
    drawn = jax.random.normal(key, (*rows.batch_shape, rows.size, count), rows.dtype)
    stretched = _Stretched(step_of(where, step), rows)
    first = jnp.linalg.qr(drawn)[0]
    growths, valid = roll_beside(stretched, params, carry, first, xs, **time)
    return jnp.where(valid[..., None] > 0, growths, jnp.full_like(growths, jnp.nan))


@dataclass(frozen=True)
class _Stretched:
    """A value, so that equal ones share a compiled roll."""

    inner: Step
    rows: Rows

    def __call__(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[Any, Any]:
        carry, directions = carry
        carry, push = linearize(self.inner, self.rows, params, carry, x)
        directions, r = jnp.linalg.qr(push(directions))
        growths = jnp.log(jnp.abs(jnp.diagonal(r, axis1=-2, axis2=-1)))
        return (carry, directions), (growths, jnp.ones(growths.shape[:-1], jnp.int32))


__all__ = ["log_growths", "lyapunov_exponents"]
