"""What a roll with lengths, masks and resets means: a plain loop over rows and steps.

It uses nothing of the library but the step itself. Each row is walked alone, visiting
its valid steps only, and its gradient is back-propagation through time by hand.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from tests.contract.data import weigh


@cache
def _compiled(step):
    def back(params, carry, x, ct):
        return jax.vjp(step, params, carry, x)[1](ct)

    return jax.jit(step), jax.jit(back)


def only(row, tree):
    """Zeros but in one row: NaN of the other rows must not meet a gradient."""

    def keep(a):
        a = np.asarray(a)
        kept = np.zeros_like(a)
        kept[row] = a[row]
        return kept

    return jax.tree.map(keep, tree)


def row_of(tree, row):
    return jax.tree.map(lambda a: np.asarray(a)[row], tree)


def add(one, other):
    return jax.tree.map(lambda a, b: a + b, one, other)


def roll(
    step,
    params,
    carry,
    xs,
    *,
    valid,
    reset,
    anew,
    reverse,
    at=lambda p, t: p,
    gradients=True,
):
    """Values and gradients of the weighted sum of all outputs and last carries.

    Args:
      step: The step.
      params: Its params, of which ``at(params, t)`` are those of step ``t``.
      carry: Pytree of ``[B, ...]``.
      xs: Array ``[T, B, I]``, time-major; may hold NaN where not valid.
      valid: ``[T, B]`` of bool.
      reset: ``[T, B]`` of bool.
      anew: Pytree like ``carry``, what a reset starts from.
      reverse: Which way to walk.
      at: Picks the params of one step.
      gradients: Whether to go back as well.

    Returns:
      ``(last, ys), (d_params, d_carry, d_anew, d_xs)``.
    """
    steps, rows = valid.shape
    x = jax.tree.map(lambda a: jnp.zeros_like(a[0]), xs)
    y_shape = jax.eval_shape(step, at(params, 0), carry, x)[1]
    ys = np.zeros((steps, *y_shape.shape), y_shape.dtype)
    last = jax.tree.map(lambda a: np.array(a), carry)
    tapes = []
    for row in range(rows):
        state, tape = carry, []
        for t in reversed(range(steps)) if reverse else range(steps):
            if not valid[t, row]:
                continue
            fresh = reset[t, row] and not reverse
            state = anew if fresh else state
            x = only(row, xs[t])
            tape.append((t, state, x, fresh))
            state, y = _compiled(step)[0](at(params, t), state, x)
            ys[t, row] = y[row]
            if reset[t, row] and reverse:
                state = anew
        for now, then in zip(*map(jax.tree.leaves, (last, state)), strict=True):
            now[row] = then[row]
        tapes.append(tape)
    if not gradients:
        return (last, ys), None
    ct_last, ct_ys = jax.grad(weigh)((last, ys))
    grads = _backwards(
        step, params, carry, xs, tapes, ct_last, ct_ys, reset, reverse, at
    )
    return (last, ys), grads


def _backwards(step, params, carry, xs, tapes, ct_last, ct_ys, reset, reverse, at):
    zeros = lambda tree: jax.tree.map(np.zeros_like, tree)
    d_params, d_carry, d_anew, d_xs = map(zeros, (params, carry, carry, xs))
    pick = jax.vjp(lambda p: [at(p, t) for t in range(len(xs))], params)[1]
    d_steps = [zeros(at(params, t)) for t in range(len(xs))]
    for row, tape in enumerate(tapes):
        ct = only(row, ct_last)
        for t, state, x, fresh in reversed(tape):
            if reset[t, row] and reverse:
                d_anew, ct = add(d_anew, ct), zeros(ct)
            cts = (ct, only(row, ct_ys[t]))
            d_p, ct, d_x = _compiled(step)[1](at(params, t), state, x, cts)
            d_steps[t], ct = add(d_steps[t], d_p), only(row, ct)
            d_xs[t, row] = d_x[row]
            if fresh:
                d_anew, ct = add(d_anew, ct), zeros(ct)
        d_carry = add(d_carry, ct)
    d_params = pick(jax.tree.map(jnp.asarray, d_steps))[0]
    return d_params, d_carry, d_anew, d_xs
