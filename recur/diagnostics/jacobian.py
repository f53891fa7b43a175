"""What one step, and many in a row, do to the length of a vector: Jacobians."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from recur._roll.per_step import PerStep
from recur._roll.steps import step_of
from recur.diagnostics.rows import (
    Rows,
    begin,
    check_at,
    linearize,
    roll_beside,
    rows_of,
    steps_of,
)
from recur.types import Array, Cell, PyTree, Step, UnrollOptions


def step_jacobian(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    x: PyTree,
    *,
    batch_ndim: int | None = None,
) -> Array:
    r"""Builds the Jacobian of one step.

    .. math::
        J = \frac{\partial s_t}{\partial s_{t-1}}

    Costs ``n`` forward derivatives of the step, and ``n²`` numbers a row. Rows of the
    batch must not see each other in the step, as in every cell here.

    Args:
      step: Any step or cell.
      params: As the step has them.
      carry: The carry that enters, of ``n`` numbers a row, all leaves of floats side by
        side in the order of ``jax.tree.leaves``; for an LSTM first ``h``, then ``c``.
      x: The input of the step.
      batch_ndim: Leading axes of the carry that are rows of a batch; by default all but
        the last of the leaf with the fewest axes.

    Returns:
      ``J [*batch, n, n]``, new carry by old carry.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or ``carry`` has no floats.
      ValueError: If ``batch_ndim`` does not fit the carry.

    Example:
      >>> turn = lambda params, carry, x: (params @ carry, None)
      >>> params = jnp.array([[0.0, -1.0], [1.0, 0.0]])
      >>> step_jacobian(turn, params, jnp.ones(2), None)
      Array([[ 0., -1.],
             [ 1.,  0.]], dtype=float32)
    """
    rows = rows_of("step_jacobian", carry, batch_ndim)
    advance = step_of("step_jacobian", step)
    return linearize(advance, rows, params, carry, x)[1](_eye(rows))


def jacobian_singular_values(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    at: Sequence[int] | None = None,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes the singular values of the Jacobian of chosen steps.

    .. math::
        \sigma\!\left(\frac{\partial s_t}{\partial s_{t-1}}\right)

    All below 1: the gradient shrinks at this step, whatever its direction. Some above:
    it may grow. Costs, for each chosen step, ``n`` forward derivatives of the step and
    a decomposition of ``n³``; in memory one ``n × n`` matrix a row, and ``T × n``.

    Args:
      step: As in :func:`step_jacobian`.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`, of ``n`` numbers a row.
      xs: As in :func:`recur.unroll`.
      at: The chosen steps, from 0; by default the first, the middle and the last.
      batch_ndim: As in :func:`step_jacobian`.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      ``[len(at), *batch, n]``, each row falling; NaN where a step is not valid.

    Raises:
      TypeError: As in :func:`step_jacobian`.
      ValueError: As in :func:`recur.unroll`, or a step of ``at`` is not there.

    Example:
      >>> shrink = lambda params, carry, x: (params * carry, None)
      >>> params, carry = jnp.array([0.5, 2.0]), jnp.ones(2)
      >>> jacobian_singular_values(shrink, params, carry, None, length=9, at=(3,))
      Array([[2. , 0.5]], dtype=float32)

    References:
      Pascanu, Mikolov and Bengio, `On the difficulty of training recurrent neural
      networks <https://proceedings.mlr.press/v28/pascanu13.html>`_, 2013.
    """
    where = "jacobian_singular_values"
    carry, time = begin(where, step, params, carry, xs, time)
    steps, rows = steps_of(where, xs, time), rows_of(where, carry, batch_ndim)
    at = check_at(where, at, steps, sorted({0, steps // 2, steps - 1}))
    measured = _OfOneStep(step_of(where, step), rows)
    return _at(at, measured, params, carry, (), xs, steps, time)


def product_singular_values(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    at: Sequence[int] | None = None,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Array:
    r"""Computes the singular values of the Jacobians of many steps, multiplied.

    .. math::
        \log \sigma\!\left(\frac{\partial s_t}{\partial s_0}\right)
        = \log \sigma(J_t J_{t-1} \cdots J_1)

    Logarithms, since the product itself leaves the range of floats. It is scaled on
    the way; values smaller than the largest by more than the precision of the dtype
    (``1e-7`` in float32) are rounding, and only bounded by it.

    Costs ``n`` forward derivatives of each step, as much as ``n`` rolls, and a
    decomposition for each of ``at``; in memory one ``n × n`` matrix a row, and
    ``T × n``. :func:`lyapunov_exponents` follows a few directions only.

    Args:
      step: As in :func:`step_jacobian`.
      params: As in :func:`recur.unroll`.
      carry: ``s_0``, the carry that enters the first step, of ``n`` numbers a row.
      xs: As in :func:`recur.unroll`.
      at: The steps after which to look, from 0; by default the last one walked to.
      batch_ndim: As in :func:`step_jacobian`.
      **time: The other arguments of :func:`recur.unroll`. A reset starts the product
        anew.

    Returns:
      Natural logarithms ``[len(at), *batch, n]``, each row falling; ``-inf`` for a
      singular value of 0, NaN where a step is not valid.

    Raises:
      TypeError: As in :func:`step_jacobian`.
      ValueError: As in :func:`recur.unroll`, or a step of ``at`` is not there.

    Example:
      >>> shrink = lambda params, carry, x: (params * carry, None)
      >>> params, carry = jnp.exp(jnp.array([-0.5, 0.25])), jnp.ones(2)
      >>> product_singular_values(shrink, params, carry, None, length=8).round(2)
      Array([[ 2., -4.]], dtype=float32)
    """
    where = "product_singular_values"
    carry, time = begin(where, step, params, carry, xs, time)
    steps, rows = steps_of(where, xs, time), rows_of(where, carry, batch_ndim)
    last = 0 if time.get("reverse") else steps - 1
    at = check_at(where, at, steps, [last])
    measured = _OfProduct(step_of(where, step), rows)
    beside = _eye(rows), jnp.zeros(rows.batch_shape, rows.dtype)
    return _at(at, measured, params, carry, beside, xs, steps, time)


@dataclass(frozen=True)
class _OfOneStep:
    """A value, so that equal ones share a compiled roll."""

    inner: Step
    rows: Rows

    def __call__(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[Any, Any]:
        (params, wanted), (carry, _) = params, carry
        carry, push = linearize(self.inner, self.rows, params, carry, x)
        values = _if(wanted, lambda: _svd(push(_eye(self.rows))), self.rows)
        return (carry, ()), values


@dataclass(frozen=True)
class _OfProduct:
    """A value, so that equal ones share a compiled roll."""

    inner: Step
    rows: Rows

    def __call__(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[Any, Any]:
        (params, wanted), (carry, (product, scale)) = params, carry
        carry, push = linearize(self.inner, self.rows, params, carry, x)
        product = push(product)
        unit = jnp.max(jnp.abs(product), axis=(-2, -1), keepdims=True)
        unit = jnp.where(unit > 0, unit, jnp.ones_like(unit))
        product, scale = product / unit, scale + jnp.log(unit)[..., 0, 0]
        logs = lambda: jnp.log(_svd(product)) + scale[..., None]  # noqa: E731
        return (carry, (product, scale)), _if(wanted, logs, self.rows)


def _if(wanted: Array, values: Any, rows: Rows) -> tuple[Array, Array]:
    """Singular values if they are wanted, and a 1 that only a valid step puts out."""
    zeros = jnp.zeros((*rows.batch_shape, rows.size), rows.dtype)
    found = jax.lax.cond(wanted, values, lambda: zeros)
    return found, jnp.ones(rows.batch_shape, jnp.int32)


def _at(
    at: Sequence[int],
    step: Step,
    params: PyTree,
    carry: PyTree,
    beside: PyTree,
    xs: PyTree,
    steps: int,
    time: UnrollOptions,
) -> Array:
    chosen = jnp.array(at)
    wanted = jnp.zeros(steps, bool).at[chosen].set(True)
    params = params, PerStep(wanted)
    values, valid = roll_beside(step, params, carry, beside, xs, **time)
    found = values[chosen]
    return jnp.where(valid[chosen][..., None] > 0, found, jnp.full_like(found, jnp.nan))


def _eye(rows: Rows) -> Array:
    eye = jnp.eye(rows.size, dtype=rows.dtype)
    return jnp.broadcast_to(eye, (*rows.batch_shape, rows.size, rows.size))


def _svd(matrix: Array) -> Array:
    return jnp.linalg.svd(matrix, compute_uv=False)


__all__ = ["jacobian_singular_values", "product_singular_values", "step_jacobian"]
