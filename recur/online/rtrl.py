"""Real-time recurrent learning: the exact gradient, carried forwards."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur.online.learner import Learner, Transition
from recur.types import Array, PyTree


class RTRLState(NamedTuple):
    """The carry, and how each entry of it moves with each param."""

    carry: PyTree
    influence: Array  # [p, n], the transpose of J


@dataclass(frozen=True)
class RTRL(Learner):
    r"""Carries the influence of all params on the carry along, and so needs no past.

    .. math::
        J_t &= \frac{\partial s_t}{\partial s_{t-1}} J_{t-1}
            + \frac{\partial s_t}{\partial \theta} \\
        \frac{d \ell_t}{d \theta} &= \frac{\partial \ell_t}{\partial s_{t-1}} J_{t-1}
            + \frac{\partial \ell_t}{\partial \theta}

    With fixed params the gradients sum to those of back-propagation through time, to
    rounding. With params that change from step to step, ``J`` remembers the old ones.

    ``J`` has ``n·p`` entries, for ``n`` numbers in the carry and ``p`` in params, and a
    step costs as much as ``p`` of its tangents and ``n`` of its gradients: for a dense
    cell of ``H`` units memory grows as ``H³`` and time as ``H⁴``.

    Args:
      step: As in :class:`Learner`.
      loss_fn: As in :class:`Learner`.
      reset_carry: As in :class:`Learner`.

    Raises:
      TypeError: If ``step`` is neither function nor cell, or params or carry hold
        anything but floating-point numbers.

    Example:
      >>> learner = RTRL(GRU(4), lambda y, target: jnp.sum((y - target) ** 2))
      >>> params = learner.step.init(jax.random.key(0), input_size=3)
      >>> x, target = jnp.ones(3), jnp.ones(4)
      >>> state = learner.init(params, learner.step.init_carry(), x, target)
      >>> for _ in range(5):
      ...     state, loss, grads = learner.update(params, state, x, target)
      >>> grads.w_hh.shape
      (4, 12)

    References:
      Williams and Zipser, `A learning algorithm for continually running fully recurrent
      neural networks <https://doi.org/10.1162/neco.1989.1.2.270>`_, 1989.
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
    ) -> RTRLState:
        """Starts with a carry that no param has influenced yet."""
        del key
        t = self.transition(params, carry, x, target, mask, reset)
        return RTRLState(carry, jnp.zeros((t.theta.size, t.s.size), t.s.dtype))

    def update(
        self,
        params: PyTree,
        state: RTRLState,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[RTRLState, Array, PyTree]:
        """Takes one step: ``(state, loss, grads)``."""
        checks.check_type("RTRL.update", "state", state, RTRLState, "RTRL.init")
        t = self.transition(params, state.carry, x, target, mask, reset)
        (s, loss), pull = jax.vjp(t.f, t.theta, t.s)
        d_theta, d_s = pull((jnp.zeros_like(s), jnp.ones_like(loss)))
        grads = d_theta + state.influence @ d_s
        influence = propagated(t, state.influence) + immediate(t)
        return RTRLState(t.to_carry(s), influence), loss, t.to_params(grads)


def propagated(t: Transition, influence: Array) -> Array:
    """Moves the rows of ``influence`` ``[k, n]`` on by one step of the carry.

    Example:
      >>> t = Transition(lambda theta, s: (2 * s, 0), jnp.ones(1), jnp.ones(3), 0, 0)
      >>> propagated(t, jnp.ones((1, 3)))
      Array([[2., 2., 2.]], dtype=float32)
    """

    def advance(tangent: Array) -> Array:
        return jax.jvp(lambda s: t.f(t.theta, s)[0], (t.s,), (tangent,))[1]

    return jax.vmap(advance)(influence)


def immediate(t: Transition) -> Array:
    """Differentiates the new carry by params, the old one held: ``[p, n]``.

    Example:
      >>> t = Transition(lambda w, s: (w * s, 0), jnp.ones(2), jnp.ones(2), 0, 0)
      >>> immediate(t)
      Array([[1., 0.],
             [0., 1.]], dtype=float32)
    """
    pull = jax.vjp(lambda theta: t.f(theta, t.s)[0], t.theta)[1]
    basis = jnp.eye(t.s.size, dtype=t.s.dtype)
    return jax.vmap(lambda e: pull(e)[0], out_axes=1)(basis)


__all__ = ["RTRL", "RTRLState"]
