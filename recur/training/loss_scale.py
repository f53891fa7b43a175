"""Loss scaling: keeps small gradients of low precision from rounding to zero."""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from recur import _checks as checks
from recur.types import Array


class ScaleState(NamedTuple):
    """The factor now, and the good steps since it last changed."""

    scale: Array  # float32
    good_steps: Array  # int32


@dataclass(frozen=True)
class StaticScale:
    """One factor for the whole of training.

    Args:
      scale: What the loss is multiplied by before it is differentiated, and the
        gradient divided by afterwards. A power of two rounds nothing.

    Raises:
      ValueError: If ``scale`` is not above 0.

    Example:
      >>> StaticScale(1024.0).init().scale
      Array(1024., dtype=float32)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        checks.check_positive("StaticScale", "scale", self.scale)

    def init(self) -> ScaleState:
        """Makes the state that enters the first step."""
        return ScaleState(jnp.float32(self.scale), jnp.int32(0))

    def adjust(self, state: ScaleState, finite: Array) -> ScaleState:
        """Leaves the factor as it is."""
        return state._replace(good_steps=jnp.where(finite, state.good_steps + 1, 0))


@dataclass(frozen=True)
class DynamicScale:
    """A factor near the largest that does not overflow.

    Halved, down to 1, at every step that overflows, which is skipped; doubled, up to
    2²⁴, after ``period`` good steps on end.

    Args:
      initial: The factor of the first step.
      period: Good steps until the next attempt at a larger one.

    Raises:
      TypeError: If ``period`` is not an integer.
      ValueError: If ``initial`` is not above 0 or ``period`` below 1.

    Example:
      >>> scaling = DynamicScale(initial=8.0, period=2)
      >>> state = scaling.adjust(scaling.init(), jnp.bool_(False))
      >>> for _ in range(2):
      ...     print(state.scale)
      ...     state = scaling.adjust(state, jnp.bool_(True))
      4.0
      4.0
      >>> print(state.scale)
      8.0

    References:
      Micikevicius et al., `Mixed precision training
      <https://arxiv.org/abs/1710.03740>`_, 2018.
    """

    initial: float = 2.0**15
    period: int = 2000

    def __post_init__(self) -> None:
        checks.check_positive("DynamicScale", "initial", self.initial)
        checks.check_size("DynamicScale", "period", self.period)

    def init(self) -> ScaleState:
        """Makes the state that enters the first step."""
        return ScaleState(jnp.float32(self.initial), jnp.int32(0))

    def adjust(self, state: ScaleState, finite: Array) -> ScaleState:
        """Halves after an overflow, doubles after ``period`` good steps."""
        good_steps = jnp.where(finite, state.good_steps + 1, 0)
        due = good_steps == self.period
        larger = jnp.where(due, jnp.minimum(state.scale * 2, 2.0**24), state.scale)
        scale = jnp.where(finite, larger, jnp.maximum(state.scale / 2, 1.0))
        return ScaleState(scale, jnp.where(due, 0, good_steps))


__all__ = ["DynamicScale", "ScaleState", "StaticScale"]
