"""Everything at once: what there is to see of the gradients of one network."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Unpack

import jax.numpy as jnp

from recur import _checks as checks
from recur.diagnostics.backward import carry_gradient_norms
from recur.diagnostics.gates import Saturation, effective_memory, gate_saturation
from recur.diagnostics.jacobian import jacobian_singular_values
from recur.diagnostics.lag import lag_gradient_norms
from recur.diagnostics.lyapunov import log_growths
from recur.diagnostics.rows import begin, check_at, rows_of, steps_of
from recur.types import Array, Cell, PyTree, Step, UnrollOptions


class Diagnosis(NamedTuple):
    """What :func:`diagnose` measures, each as the function of that name gives it."""

    gradient_norms: Array  # [T, *batch]
    lag_norms: Array  # [len(at), lags + 1, *batch]
    at: Array  # [len(at)], the steps whose loss is followed back
    singular_values: Array  # [len(seen), *batch, n]
    seen: Array  # [len(seen)], the steps whose Jacobian is decomposed
    log_growths: Array  # [T, *batch, k], walked in the order of time
    gates: dict[str, tuple[Saturation, ...]]
    memory: dict[str, tuple[Array, ...]]

    @property
    def exponents(self) -> Array:
        """The largest Lyapunov exponents ``[*batch, k]``, in nats per step."""
        return jnp.nanmean(self.log_growths, axis=0)


def diagnose(
    step: Step | Cell,
    loss_fn: Callable[[PyTree], Array],
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    at: Sequence[int] | None = None,
    seen: Sequence[int] | None = None,
    count: int = 2,
    batch_ndim: int | None = None,
    **time: Unpack[UnrollOptions],
) -> Diagnosis:
    """Measures all that this package can show, for :func:`plot_diagnosis` to draw.

    Costs what its parts cost together: two forward and ``1 + len(at)`` backward rolls,
    ``count`` forward derivatives of each step, ``n`` of each in ``seen`` with a
    decomposition of ``n³``, and a roll for the gates.

    Args:
      step: As in :func:`carry_gradient_norms`.
      loss_fn: ``ys -> losses``, ``[T, ...]`` with the time axis first.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      at: As in :func:`lag_gradient_norms`.
      seen: Steps whose Jacobian is decomposed; by default first, middle and last.
      count: How many Lyapunov exponents, at most as many as the carry has numbers.
      batch_ndim: As in :func:`carry_gradient_norms`.
      **time: The other arguments of :func:`recur.unroll`.

    Returns:
      A :class:`Diagnosis`, a pytree of arrays.

    Raises:
      TypeError: As in :func:`carry_gradient_norms`.
      ValueError: As in :func:`lag_gradient_norms`.

    Example:
      >>> cell = GRU(6)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> every = lambda ys: jnp.sum(ys**2, axis=-1)
      >>> found = diagnose(cell, every, params, cell.init_carry((2,)),
      ...                  jnp.ones((20, 2, 3)))
      >>> found.gradient_norms.shape, found.lag_norms.shape, found.exponents.shape
      ((20, 2), (1, 20, 2), (2, 2))
    """
    where = "diagnose"
    carry, time = begin(where, step, params, carry, xs, time)
    rolled = params, carry, xs
    steps, rows = steps_of(where, xs, time), rows_of(where, carry, batch_ndim)
    at = check_at(where, at, steps, [0 if time.get("reverse") else steps - 1])
    seen = check_at(where, seen, steps, sorted({0, steps // 2, steps - 1}))
    checks.check_size(where, "count", count)
    count, every = min(count, rows.size), {**time, "batch_ndim": batch_ndim}
    return Diagnosis(
        gradient_norms=carry_gradient_norms(step, loss_fn, *rolled, **every),
        lag_norms=lag_gradient_norms(step, loss_fn, *rolled, at=at, **every),
        at=jnp.array(at),
        singular_values=jacobian_singular_values(step, *rolled, at=seen, **every),
        seen=jnp.array(seen),
        log_growths=log_growths(step, *rolled, count=count, **every),
        gates=gate_saturation(step, *rolled, **time),
        memory=effective_memory(step, *rolled, **time),
    )


__all__ = ["Diagnosis", "diagnose"]
