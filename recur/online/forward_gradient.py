"""Forward gradients: how the loss moves along a few directions of the params."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur.online.learner import Learner
from recur.types import Array, PyTree


class ForwardGradientState(NamedTuple):
    """The carry, the directions, and how the carry moves along each of them."""

    carry: PyTree
    directions: Array  # [K, p]
    tangents: Array  # [K, n]


@dataclass(frozen=True)
class ForwardGradient(Learner):
    r"""Multiplies random directions by the derivatives of the loss along them.

    .. math::
        \dot s^k_t &= \frac{\partial s_t}{\partial s_{t-1}} \dot s^k_{t-1}
            + \frac{\partial s_t}{\partial \theta} v_k,
            \qquad v_k \sim \mathcal N(0, I) \\
        \frac{d \ell_t}{d \theta} &\approx \frac{1}{K} \sum_{k=1}^{K} \left(
            \frac{\partial \ell_t}{\partial s_{t-1}} \dot s^k_{t-1}
            + \frac{\partial \ell_t}{\partial \theta} v_k \right) v_k

    The mean over directions is the exact gradient, and nothing ever goes backwards. The
    variance grows with ``p/K``. Directions are drawn once, by ``init``, and hold for
    the whole sequence.

    Args:
      step: As in :class:`Learner`.
      loss_fn: As in :class:`Learner`.
      reset_carry: As in :class:`Learner`.
      directions: ``K``; or ``None`` for all ``p`` axes, which is exact, needs no key,
        and keeps ``p² + p·n`` numbers: for tiny networks.

    Raises:
      TypeError: As in :class:`RTRL`, or if ``init`` is given no key.
      ValueError: If ``directions`` is below 1.

    Example:
      >>> loss_fn = lambda y, target: jnp.sum((y - target) ** 2)
      >>> learner = ForwardGradient(GRU(4), loss_fn, directions=8)
      >>> params = learner.step.init(jax.random.key(0), input_size=3)
      >>> example = learner.step.init_carry(), jnp.ones(3), jnp.ones(4)
      >>> state = learner.init(params, *example, key=jax.random.key(1))
      >>> state, loss, grads = learner.update(params, state, *example[1:])
      >>> grads.w_hh.shape
      (4, 12)

    References:
      Baydin, Pearlmutter, Syme, Wood and Torr, `Gradients without backpropagation
      <https://arxiv.org/abs/2202.08587>`_, 2022; in time, Silver et al., `Learning by
      directional gradient descent <https://iclr.cc/virtual/2022/poster/7001>`_, 2022.
    """

    directions: int | None = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.directions is not None:
            checks.check_size("ForwardGradient", "directions", self.directions)

    def init(
        self,
        params: PyTree,
        carry: PyTree,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
        key: Array | None = None,
    ) -> ForwardGradientState:
        """Draws the directions, along none of which the carry moves yet."""
        t = self.transition(params, carry, x, target, mask, reset)
        if self.directions is None:
            directions = jnp.eye(t.theta.size, dtype=t.theta.dtype)
        else:
            checks.check_key("ForwardGradient.init", key)
            assert key is not None
            shape = self.directions, t.theta.size
            directions = jax.random.normal(key, shape, t.theta.dtype)
        tangents = jnp.zeros((len(directions), t.s.size), t.s.dtype)
        return ForwardGradientState(carry, directions, tangents)

    def update(
        self,
        params: PyTree,
        state: ForwardGradientState,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[ForwardGradientState, Array, PyTree]:
        """Takes one step: ``(state, loss, grads)``."""
        checks.check_type(
            "ForwardGradient.update",
            "state",
            state,
            ForwardGradientState,
            "ForwardGradient.init",
        )
        t = self.transition(params, state.carry, x, target, mask, reset)
        (s, loss), push = jax.linearize(t.f, t.theta, t.s)
        tangents, slopes = jax.vmap(push)(state.directions, state.tangents)
        grads = slopes @ state.directions
        grads = grads if self.directions is None else grads / self.directions
        new = ForwardGradientState(t.to_carry(s), state.directions, tangents)
        return new, loss, t.to_params(grads)


__all__ = ["ForwardGradient", "ForwardGradientState"]
