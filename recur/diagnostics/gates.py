"""How often the gates are shut along a sequence, and how long memory lasts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack

import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_number
from recur._roll.named import emit_named
from recur._roll.steps import StepTransform, step_of
from recur._roll.unroll import unroll
from recur.types import Array, Cell, PyTree, Step, UnrollOptions

KEEPERS = ("forget_gate", "update_gate")


class Saturation(NamedTuple):
    """How often each unit of a gate is shut or open, as shares of the valid steps."""

    shut: Array  # [H], from 0 to 1
    open: Array  # [H], from 0 to 1
    mean: Array  # [H], of the gate itself


def gate_saturation(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    low: float = 0.1,
    high: float = 0.9,
    **time: Unpack[UnrollOptions],
) -> dict[str, tuple[Saturation, ...]]:
    """Measures how often each gate is shut, and how often it is open.

    A gate there has hardly a gradient: a forget gate always open is a memory that only
    counts up, one always shut a layer without recurrence.

    Costs one roll, and the gates of all steps in memory, ``T`` times a few carries.

    Args:
      step: Any step or cell that names its gates, ``..._gate``, as all here do; see
        :func:`recur.emit_named`.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      low: A gate below it is shut.
      high: A gate above it is open.
      **time: The other arguments of :func:`recur.unroll`. Steps that are not valid do
        not count.

    Returns:
      Each name with the :class:`Saturation` of every layer that has such a gate, from
      the bottom up; empty if there are no gates.

    Raises:
      TypeError: If ``step`` is neither function nor cell.
      ValueError: If ``low`` is not below ``high``, or as in :func:`recur.unroll`.

    Example:
      >>> cell = LSTM(4, forget_bias=5.0)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> found = gate_saturation(cell, params, cell.init_carry(), jnp.zeros((7, 3)))
      >>> found["forget_gate"][0].open
      Array([1., 1., 1., 1.], dtype=float32)

    References:
      Karpathy, Johnson and Fei-Fei, `Visualizing and understanding recurrent networks
      <https://arxiv.org/abs/1506.02078>`_, 2015.
    """
    check_number("gate_saturation", "low", low)
    check_number("gate_saturation", "high", high)
    if not 0 <= low < high <= 1:
        raise ValueError(
            f"gate_saturation: low is {low} and high {high}; expected 0 <= low < high "
            "<= 1, the range of a gate. Take 0.1 and 0.9."
        )
    gates = _gates("gate_saturation", step, params, carry, xs, None, time)

    def measure(gate: Array, valid: Array) -> Saturation:
        shares = gate < low, gate > high, gate
        return Saturation(*(_mean(a.astype(gate.dtype), valid) for a in shares))

    return {n: tuple(measure(*gate) for gate in found) for n, found in gates.items()}


def effective_memory(
    step: Step | Cell,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    *,
    keepers: Sequence[str] = KEEPERS,
    **time: Unpack[UnrollOptions],
) -> dict[str, tuple[Array, ...]]:
    r"""Measures for how many steps each unit keeps what it holds.

    .. math::
        \tau = \frac{-1}{\overline{\log f_t}}, \qquad
        \prod_{t=1}^{T} f_t = e^{-T / \tau}

    After ``τ`` steps of the gate that keeps, ``1/e`` of a memory is left along the
    direct path of the cell. For a constant gate near 1 it is about ``1 / (1 - f)``.

    Costs what :func:`gate_saturation` costs.

    Args:
      step: As in :func:`gate_saturation`.
      params: As in :func:`recur.unroll`.
      carry: As in :func:`recur.unroll`.
      xs: As in :func:`recur.unroll`.
      keepers: Names of the gates that keep the old value when open: here the forget
        gate of an LSTM and the update gate of a GRU.
      **time: The other arguments of :func:`recur.unroll`. Steps that are not valid do
        not count.

    Returns:
      Each name with ``τ [H]`` in steps for every layer that has such a gate; ``inf``
      where it was never below 1, 0 where it was once 0. Empty if there are none.

    Raises:
      TypeError: If ``step`` is neither function nor cell.
      ValueError: As in :func:`recur.unroll`.

    Example:
      >>> cell = GRU(2, update_bias=3.0)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, xs = cell.init_carry(), jnp.zeros((7, 3))
      >>> effective_memory(cell, params, carry, xs)["update_gate"][0].round(1)
      Array([20.6, 20.6], dtype=float32)

    References:
      Tallec and Ollivier, `Can recurrent neural networks warp time?
      <https://arxiv.org/abs/1804.11188>`_, 2018.
    """
    several = isinstance(keepers, Collection) and not isinstance(keepers, str)
    if not several or not all(isinstance(name, str) for name in keepers):
        raise TypeError(
            f"effective_memory: keepers is {checks.describe(keepers)}; expected a "
            "sequence of names. Write ('forget_gate',)."
        )
    names = frozenset(keepers)
    gates = _gates("effective_memory", step, params, carry, xs, names, time)

    def measure(gate: Array, valid: Array) -> Array:
        # log 1 is +0, and minus its inverse is to be +inf.
        return 1 / jnp.abs(_mean(jnp.log(gate), valid))

    return {n: tuple(measure(*gate) for gate in found) for n, found in gates.items()}


@dataclass(frozen=True)
class _EmitGates(StepTransform):
    names: frozenset[str] | None

    def __call__(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[Any, Any]:
        carry, (_, named) = emit_named(self.inner)(params, carry, x)
        # Beside each gate a 1 that only a valid step puts out.
        beside = lambda a: (a, jnp.ones(a.shape[:-1], a.dtype))  # noqa: E731
        gates = {n: a for n, a in named.items() if self._wants(n)}
        return carry, {n: tuple(map(beside, found)) for n, found in gates.items()}

    def _wants(self, name: str) -> bool:
        return name.endswith("_gate") if self.names is None else name in self.names


def _gates(
    where: str,
    step: Any,
    params: PyTree,
    carry: PyTree,
    xs: PyTree,
    names: frozenset[str] | None,
    time: UnrollOptions,
) -> dict[str, tuple[tuple[Array, Array], ...]]:
    step_of(where, step)
    emit = _EmitGates(step, names)
    return unroll(emit, params, carry, xs, **time)[1]


def _mean(values: Array, valid: Array) -> Array:
    """Mean over time and batch of the valid steps of ``[T, *batch, H]``."""
    axes = tuple(range(valid.ndim))
    kept = jnp.where(valid[..., None] > 0, values, jnp.zeros_like(values))
    return jnp.sum(kept, axis=axes) / jnp.sum(valid)


__all__ = ["Saturation", "effective_memory", "gate_saturation"]
