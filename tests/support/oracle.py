"""What a roll with lengths, masks and resets means: a plain loop over rows and steps.

It uses nothing of the library but the step itself. Each row is walked alone, without
an axis of rows, visiting its valid steps only; its gradient is back-propagation through
time by hand. NumPy computes what a step and its derivative mean.
"""

from functools import cache, lru_cache, partial

import jax
import numpy as np

from tests.support.draw import draw, weights_like
from tests.support.interpreter import traced


@cache
def of_row(case, *, reverse=False, **drawn):
    """Values and gradients of a row without flags, whatever its leading axes."""
    cell, params, carry, xs = draw(case, **drawn)
    batch = xs.shape[1:-1]
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[len(batch) :]), carry)
    one = xs.reshape(len(xs), -1, xs.shape[-1])
    (last, ys), grads = roll(cell.step, params, flat, one, reverse=reverse)
    d_params, d_carry, _, d_xs = grads
    return (
        (_shaped_as(carry, last), ys.reshape(*ys.shape[:1], *batch, -1)),
        (d_params, _shaped_as(carry, d_carry), d_xs.reshape(xs.shape)),
    )


def _shaped_as(like, tree):
    return jax.tree.map(lambda a, b: a.reshape(b.shape), tree, like)


def roll(step, params, carry, xs, *, valid=None, reset=None, anew=None, reverse=False):
    """Values and gradients of the weighted sum of all outputs and last carries.

    Args:
      step: The step.
      params: Its params.
      carry: Pytree of ``[B, ...]``.
      xs: Array ``[T, B, I]``, time-major; may hold NaN where not valid.
      valid: ``[T, B]`` of bool, by default all True.
      reset: ``[T, B]`` of bool, by default all False.
      anew: Pytree like ``carry``, what a reset starts from.
      reverse: Which way to walk.

    Returns:
      ``(last, ys), (d_params, d_carry, d_anew, d_xs)``.
    """
    params, carry, xs, anew = jax.tree.map(np.asarray, (params, carry, xs, anew))
    steps, rows = xs.shape[:2]
    valid = np.ones((steps, rows), bool) if valid is None else valid
    reset = np.zeros((steps, rows), bool) if reset is None else reset
    onward, back, y = _meaning(step, params, at(carry, 0), xs[0, 0])
    walk = partial(_walk, partial(onward, params), reverse=reverse)
    last, ys = jax.tree.map(np.array, carry), np.zeros((steps, rows, *y.shape), y.dtype)
    tapes = []
    for row in range(rows):
        fresh = None if anew is None else at(anew, row)
        flags = valid[:, row], reset[:, row]
        state, ys[:, row], tape = walk(
            at(carry, row), xs[:, row], ys[:, row], fresh, *flags
        )
        put(last, row, state)
        tapes.append(tape)
    wide = jax.tree.map(lambda a: np.zeros(a.shape), (params, carry, carry, xs))
    ct_last, ct_ys = jax.tree.map(weights_like, (last, ys))
    for row, tape in enumerate(tapes):
        ct = at(ct_last, row)
        _go_back(partial(back, params), tape, ct, ct_ys[:, row], wide, row)
    kept = params, carry, carry, xs
    return (last, ys), jax.tree.map(lambda d, a: d.astype(a.dtype), wide, kept)


def _walk(onward, state, xs, ys, anew, valid, reset, *, reverse):
    """One row; the tape has what each valid step began with."""
    ys, tape = np.array(ys), []
    steps = [t for t in range(len(xs)) if valid[t]]
    for t in reversed(steps) if reverse else steps:
        before, after = reset[t] and not reverse, reset[t] and reverse
        start = anew if before else state
        state, ys[t] = onward(start, xs[t])
        state = anew if after else state
        tape.append((t, start, xs[t], before, after))
    return state, ys, tape


def _go_back(back, tape, ct, ct_ys, grads, row):
    """Adds the gradients of one row to ``grads``."""
    d_params, d_carry, d_anew, d_xs = grads
    nothing = jax.tree.map(np.zeros_like, ct)
    for t, start, x, before, after in reversed(tape):
        if after:
            add(at(d_anew, row), ct)
            ct = nothing
        d_step, ct, d_x = back(start, x, (ct, ct_ys[t]))
        add(d_params, d_step)
        add(d_xs[t, row], d_x)
        if before:
            add(at(d_anew, row), ct)
            ct = nothing
    add(at(d_carry, row), ct)


def at(tree, row):
    """Views of one row."""
    return jax.tree.map(lambda a: a[row, ...], tree)


def put(tree, row, values):
    for a, value in zip(*map(jax.tree.leaves, (tree, values)), strict=True):
        a[row] = value


def add(tree, values):
    """Adds in place."""
    for a, value in zip(*map(jax.tree.leaves, (tree, values)), strict=True):
        a += value


def _meaning(step, params, carry, x):
    """A step and its derivative, for one row."""
    kinds = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (params, carry, x)
    )
    leaves, structure = jax.tree.flatten(kinds)
    return _traced(step, tuple(leaves), structure, jax.config.jax_enable_x64)


@lru_cache(maxsize=64)
def _traced(step, leaves, structure, _):
    like = structure.unflatten(leaves)
    _, y = result = jax.eval_shape(step, *like)

    def back(params, carry, x, ct):
        return jax.vjp(step, params, carry, x)[1](ct)

    return traced(step, *like), traced(back, *like, result), y
