"""Truncated back-propagation as the textbook has it: a plain loop over windows."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tests.support.interpreter import traced


def where(flag, yes, no):
    """Row by row, or all at once."""

    def choose(a, b):
        rows = jnp.reshape(flag, flag.shape + (1,) * (a.ndim - flag.ndim))
        return jnp.where(rows, a, b)

    return jax.tree.map(choose, yes, no)


def advance(step, loss_fn, anew, params, carry, x, target, valid, reset):
    """One step with its flags, and its loss: zero where it is not valid."""
    zeros = functools.partial(jax.tree.map, jnp.zeros_like)
    fresh = zeros(carry) if anew is None else anew(params)
    start = where(reset, fresh, carry)
    x, target = (where(valid, a, zeros(a)) for a in (x, target))
    new, y = step(params, start, x)
    loss = loss_fn(y, target)
    return where(valid, new, carry), jnp.sum(jnp.where(valid, loss, 0.0))


def meaning(step, loss_fn, anew, *example):
    """One step, and one step back: all that is traced, whatever the window."""
    forward = functools.partial(advance, step, loss_fn, anew)

    def back(params, carry, *inputs_and_ct):
        *inputs, ct = inputs_and_ct
        return jax.vjp(lambda p, c: forward(p, c, *inputs), params, carry)[1](ct)

    end = jax.eval_shape(forward, *example)
    return traced(forward, *example), traced(back, *example, end)


def window(forward, back, params, carry, steps, newest):
    """``(loss, grads), carries`` of a window, going back by hand."""
    carries, losses, length = [carry], [], len(steps[0])
    for t in range(length):
        carry, loss = forward(params, carry, *(part[t] for part in steps))
        carries.append(carry)
        losses.append(loss)
    ct, grads = jax.tree.map(np.zeros_like, (carry, params))
    for t in reversed(range(length)):
        enters = np.asarray(t >= length - newest, losses[t].dtype)
        inputs = [part[t] for part in steps]
        new, ct = back(params, carries[t], *inputs, (ct, enters))
        grads = jax.tree.map(np.add, grads, new)
    return (sum(losses[-newest:]), grads), carries


def literal(step, loss_fn, params, carry, steps, k_1, k_2, *, anew=None, rate=0.0):
    """All updates: ``[(loss, grads), ...]`` and the last carry.

    ``steps`` are ``(xs, targets, valid, reset)``. The params go down the gradient by
    ``rate`` after each update; a window is rolled with those of its time, from the
    carry at its beginning that the window before had come to.
    """
    params, carry, steps = jax.tree.map(np.asarray, (params, carry, steps))
    length, first = len(steps[0]), [part[0] for part in steps]
    both = meaning(step, loss_fn, anew, params, carry, *first)
    ends = [*range(k_2, length + 1, k_2)]
    ends += [length] if length % k_2 else []
    updates, known, before = [], {0: carry}, 0
    for end in ends:
        begin = max(0, end - k_1)
        part = [s[begin:end] for s in steps]
        data = params, known[begin], part
        update, carries = window(*both, *data, end - before)
        known |= {begin + i: carry for i, carry in enumerate(carries)}
        updates.append(update)
        params = jax.tree.map(lambda p, g: p - rate * g, params, update[1])
        before = end
    return updates, known[length]
