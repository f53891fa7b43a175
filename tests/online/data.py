"""A sequence, its loss, and back-propagation through time by the plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from tests.support.draw import draw, random_like
from tests.support.interpreter import interpreted, traced


def square(y, target):
    """One number a row, of any number of rows."""
    return jnp.sum((y - target) ** 2, axis=-1)


def sequence(case, *, batch_shape=(2,), steps=6, dtype=jnp.float32):
    """``(cell, params, carry, xs, targets)``, none of them zero."""
    drawn = draw(case, batch_shape=batch_shape, steps=steps, dtype=dtype)
    cell, params, carry, xs = drawn
    ys = jax.ShapeDtypeStruct((steps, *batch_shape, cell.output_size), dtype)
    return cell, params, carry, xs, random_like(7, ys)


def bptt(step, params, carry, xs, targets, loss_fn=square, start=None):
    """The loss of all steps and its gradient in params, going back by hand.

    ``start(params)`` is an initial carry through which gradients flow.
    """
    carry = carry if start is None else interpreted(start)(params)
    params, carry, xs, targets = jax.tree.map(np.asarray, (params, carry, xs, targets))
    forward, back = _meaning(step, loss_fn, params, carry, xs[0], targets[0])
    carries, losses = [carry], []
    for x, target in zip(xs, targets, strict=True):
        carry, loss = forward(params, carries[-1], x, target)
        carries.append(carry)
        losses.append(loss)
    ct, grads = jax.tree.map(np.zeros_like, (carries[-1], params))
    for t in reversed(range(len(xs))):
        new, ct = back(params, carries[t], xs[t], targets[t], ct)
        grads = jax.tree.map(np.add, grads, new)
    if start is not None:
        pull = lambda params, ct: jax.vjp(start, params)[1](ct)[0]
        grads = jax.tree.map(np.add, grads, interpreted(pull)(params, ct))
    return sum(losses), grads


def _meaning(step, loss_fn, *example):
    def forward(params, carry, x, target):
        carry, y = step(params, carry, x)
        return carry, jnp.sum(loss_fn(y, target))

    def back(params, carry, x, target, ct):
        pull = jax.vjp(lambda p, s: forward(p, s, x, target), params, carry)[1]
        return pull((ct, jnp.ones((), x.dtype)))

    return traced(forward, *example), traced(back, *example, example[1])


def jacobians(step, *example):
    """A function for ``∂s/∂s [n, n]`` and ``∂s/∂θ [n, p]`` of a step, both dense."""

    def both(params, carry, x):
        (s, to_carry), (theta, to_params) = ravel_pytree(carry), ravel_pytree(params)
        f = lambda s, theta: ravel_pytree(step(to_params(theta), to_carry(s), x)[0])[0]
        return jax.jacfwd(f, (0, 1))(s, theta)

    return traced(both, *example)


def vector(tree):
    """All leaves of a tree end to end, in NumPy."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])
