"""SnAp-1: the part of the influence that a param has within one step."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur.online.learner import Learner
from recur.online.rtrl import immediate
from recur.online.sparsity import Layout, make_layout, random_like
from recur.types import Array, PyTree

DRAWS = 32  # A ReLU shows each time with probability 1/2, and is missed with 2^-32.


class SnApState(NamedTuple):
    """The carry, and the entries of the influence that are kept."""

    carry: PyTree
    influence: Array  # [p, m]
    layout: Layout


@dataclass(frozen=True)
class SnAp1(Learner):
    r"""Keeps of RTRL's influence what a param reaches in one step, and drops the rest.

    .. math::
        J_t = P \odot \left( \frac{\partial s_t}{\partial s_{t-1}} J_{t-1}
            + \frac{\partial s_t}{\partial \theta} \right), \qquad
        P = \left[ \frac{\partial s_t}{\partial \theta} \ne 0 \right]

    Without noise, but biased: the way of a param through other units is lost. Exact
    where there is none, as in an element-wise cell. ``P`` is found by ``init``, at 32
    random params, carries and inputs. Only the ``m`` entries of each row that are in
    ``P`` are stored; all entries of ``∂s/∂θ`` come from as many gradients as ``P`` has
    colours, which for Elman is 1 and for the LSTM 2; ``∂s/∂s`` costs ``n`` tangents.

    Where one param reaches every unit at once (the reset gate of the first GRU form,
    and layer normalisation), ``P`` is dense and this is RTRL, at its price.

    Args:
      step: As in :class:`Learner`; its inputs must be floating-point numbers.
      loss_fn: As in :class:`Learner`.
      reset_carry: As in :class:`Learner`.

    Raises:
      TypeError: As in :class:`RTRL`, or if ``x`` is not of floating-point numbers.

    Example:
      >>> learner = SnAp1(LSTM(4), lambda y, target: jnp.sum((y - target) ** 2))
      >>> params = learner.step.init(jax.random.key(0), input_size=3)
      >>> x, target = jnp.ones(3), jnp.ones(4)
      >>> state = learner.init(params, learner.step.init_carry(), x, target)
      >>> state.influence.shape  # beside 128 x 8 of RTRL
      (128, 2)
      >>> state, loss, grads = learner.update(params, state, x, target)

    References:
      Menick, Elsen, Evci, Osindero, Simonyan and Graves, `Practical real time recurrent
      learning with a sparse approximation <https://arxiv.org/abs/2006.07232>`_, 2021.
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
    ) -> SnApState:
        """Finds the pattern, and starts without influence."""
        del key
        for path, leaf in jax.tree.leaves_with_path(x):
            checks.check_array("SnAp1", "x" + jax.tree_util.keystr(path), leaf)
        example = params, carry, x, target, mask, reset
        dtype = self.transition(*example).s.dtype
        layout = make_layout(self.pattern(*example), dtype)
        return SnApState(carry, jnp.zeros(layout.places.shape, dtype), layout)

    def update(
        self,
        params: PyTree,
        state: SnApState,
        x: PyTree,
        target: PyTree,
        *,
        mask: Array | None = None,
        reset: Array | None = None,
    ) -> tuple[SnApState, Array, PyTree]:
        """Takes one step: ``(state, loss, grads)``."""
        checks.check_type("SnAp1.update", "state", state, SnApState, "SnAp1.init")
        carry, influence, layout = state
        t = self.transition(params, carry, x, target, mask, reset)
        (s, loss), pull = jax.vjp(t.f, t.theta, t.s)
        d_theta, d_s = pull((jnp.zeros_like(s), jnp.ones_like(loss)))
        grads = d_theta + jnp.sum(influence * d_s[layout.places], axis=1)
        by_colour = jax.vmap(lambda seed: pull((seed, jnp.zeros_like(loss)))[0])
        by_carry = jax.jacfwd(lambda s: t.f(t.theta, s)[0])(t.s)
        new = _moved(by_carry, influence, layout.places)
        new += _spread(by_colour(layout.seeds), layout)
        new = jnp.where(layout.kept, new, jnp.zeros_like(new))
        return SnApState(t.to_carry(s), new, layout), loss, t.to_params(grads)

    def pattern(self, *example: PyTree) -> np.ndarray:
        """Finds which param reaches which entry of the carry: bool ``[p, n]``."""
        # Of the example only shapes matter, so this works under jax.jit and jax.vmap.
        with jax.ensure_compile_time_eval():
            return np.asarray(_reached(self, *jax.tree.map(_zeros, example)))


def _zeros(a: Array) -> Array:
    return jnp.zeros(jnp.shape(a), jnp.result_type(a))


@partial(jax.jit, static_argnums=0)
def _reached(
    learner: SnAp1,
    params: PyTree,
    carry: PyTree,
    x: PyTree,
    target: PyTree,
    mask: Array | None,
    reset: Array | None,
) -> Array:
    def add(found: Array, key: Array) -> tuple[Array, None]:
        now_params, now, now_x = random_like(key, (params, carry, x))
        valid = None if mask is None else jnp.ones_like(mask)
        coin = None if reset is None else jax.random.bernoulli(key, 0.5, reset.shape)
        t = learner.transition(now_params, now, now_x, target, valid, coin)
        return found | (immediate(t) != 0), None

    t = learner.transition(params, carry, x, target, mask, reset)
    found = jnp.zeros((t.theta.size, t.s.size), bool)
    return jax.lax.scan(add, found, jax.random.split(jax.random.key(0), DRAWS))[0]


def _moved(by_carry: Array, influence: Array, places: Array) -> Array:
    """``∂s/∂s J`` at the places: a sum over the ``m`` entries that a param has."""

    def add(total: Array, entry: tuple[Array, Array]) -> tuple[Array, None]:
        place, value = entry
        return total + by_carry[places, place[:, None]] * value[:, None], None

    zeros = jnp.zeros_like(influence)
    return jax.lax.scan(add, zeros, (places.T, influence.T))[0]


def _spread(by_colour: Array, layout: Layout) -> Array:
    """``∂s/∂θ`` at the places, of which each colour ``[colours, p]`` has some."""
    colours = layout.colours[layout.places]
    return by_colour[colours, jnp.arange(by_colour.shape[1])[:, None]]


__all__ = ["SnAp1", "SnApState"]
