"""Unbiased online recurrent optimisation: the influence as one random outer product."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur.online.learner import Learner
from recur.types import Array, PyTree


class UOROState(NamedTuple):
    """The carry, two vectors whose outer product is ``J`` on average, and a key."""

    carry: PyTree
    s_tilde: Array  # [n]
    theta_tilde: Array  # [p]
    key: Array


@dataclass(frozen=True)
class UORO(Learner):
    r"""Carries a random rank-one matrix whose mean is RTRL's influence.

    .. math::
        \tilde s_t &= \rho_0 \frac{\partial s_t}{\partial s_{t-1}} \tilde s_{t-1}
            + \rho_1 \nu, \qquad \nu_i = \pm 1 \text{ at random} \\
        \tilde\theta_t &= \frac{\tilde\theta_{t-1}}{\rho_0}
            + \frac{1}{\rho_1} \nu^\top \frac{\partial s_t}{\partial \theta} \\
        \frac{d \ell_t}{d \theta} &\approx
            \left( \frac{\partial \ell_t}{\partial s_{t-1}} \tilde s_{t-1} \right)
            \tilde\theta_{t-1} + \frac{\partial \ell_t}{\partial \theta}

    The mean over draws of ``ν`` is the exact gradient. ``ρ₀`` and ``ρ₁`` make the two
    terms of each sum equally long on both sides, which lowers the variance. A step
    costs about three of the cell's, and ``n + p`` numbers are kept.

    Args:
      step: As in :class:`Learner`.
      loss_fn: As in :class:`Learner`.
      reset_carry: As in :class:`Learner`.

    Raises:
      TypeError: As in :class:`RTRL`, or if ``init`` is given no key.

    Example:
      >>> learner = UORO(GRU(4), lambda y, target: jnp.sum((y - target) ** 2))
      >>> params = learner.step.init(jax.random.key(0), input_size=3)
      >>> example = learner.step.init_carry(), jnp.ones(3), jnp.ones(4)
      >>> state = learner.init(params, *example, key=jax.random.key(1))
      >>> state, loss, grads = learner.update(params, state, *example[1:])
      >>> grads.w_hh.shape
      (4, 12)

    References:
      Tallec and Ollivier, `Unbiased online recurrent optimization
      <https://arxiv.org/abs/1702.05043>`_, 2017.
    """

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
    ) -> UOROState:
        """Starts without influence; all signs are drawn from ``key``."""
        checks.check_key("UORO.init", key)
        assert key is not None
        t = self.transition(params, carry, x, target, mask, reset)
        return UOROState(carry, jnp.zeros_like(t.s), jnp.zeros_like(t.theta), key)

    def update(
        self,
        params: PyTree,
        state: UOROState,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[UOROState, Array, PyTree]:
        """Takes one step: ``(state, loss, grads)``."""
        checks.check_type("UORO.update", "state", state, UOROState, "UORO.init")
        carry, s_tilde, theta_tilde, key = state
        t = self.transition(params, carry, x, target, mask, reset)
        (s, loss), pull = jax.vjp(t.f, t.theta, t.s)
        d_theta, d_s = pull((jnp.zeros_like(s), jnp.ones_like(loss)))
        grads = d_theta + (d_s @ s_tilde) * theta_tilde
        key, k_signs = jax.random.split(key)
        signs = jax.random.rademacher(k_signs, t.s.shape, t.s.dtype)
        forward = jax.jvp(lambda s: t.f(t.theta, s)[0], (t.s,), (s_tilde,))[1]
        back = pull((signs, jnp.zeros_like(loss)))[0]
        rho_0, rho_1 = _balance(theta_tilde, forward), _balance(back, signs)
        s_tilde = rho_0 * forward + rho_1 * signs
        theta_tilde = theta_tilde / rho_0 + back / rho_1
        new = UOROState(t.to_carry(s), s_tilde, theta_tilde, key)
        return new, loss, t.to_params(grads)


def _balance(a: Array, b: Array) -> Array:
    """``√(|a|/|b|)``, kept from 0 and infinity: any positive number is unbiased."""
    return jnp.sqrt((jnp.linalg.norm(a) + 1e-7) / (jnp.linalg.norm(b) + 1e-7))


__all__ = ["UORO", "UOROState"]
