"""Law 8: every way of differentiating agrees with the plain loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support import oracle
from tests.support.draw import (
    assert_close,
    draw,
    loop,
    loss_of,
    random_like,
    weights_like,
)
from tests.support.interpreter import interpreted, traced

pytestmark = [pytest.mark.of_rolls, pytest.mark.usefixtures("x64")]


def ours(case):
    """The loss of a roll, and its arguments."""
    cell, *args = draw(case)
    return loss_of(functools.partial(recur.unroll, cell)), args


def dot(one, other):
    pairs = zip(*map(jax.tree.leaves, (one, other)), strict=True)
    return sum(np.sum(np.asarray(a) * b) for a, b in pairs)


@functools.cache
def curvature(case):
    """``tangents -> Hessian @ tangents`` of the loss of the plain loop."""
    cell, *args = draw(case)
    slope = jax.grad(loss_of(loop(cell.step)), (0, 1, 2))
    product = traced(lambda args, along: jax.jvp(slope, args, along)[1], args, args)
    return lambda along: product(args, along)


@pytest.mark.quick(2)
def test_linearize_jvp_and_transpose(case):
    loss, args = ours(case)
    along = random_like(1, args)

    def run(args, along):
        y, linear = jax.linearize(loss, *args)
        forward = jax.jvp(loss, args, along)
        return (y, linear(*along)), forward, jax.linear_transpose(linear, *args)(y)

    values, grads = oracle.of_row(case)
    y = dot(jax.tree.map(weights_like, values), values)
    both = y, dot(grads, along)
    actual = interpreted(run)(tuple(args), tuple(along))
    assert_close(actual, (both, both, jax.tree.map(lambda g: y * g, grads)), np.float64)


@pytest.mark.quick(1)
def test_grad_of_grad(case):
    """The gradient of half the squared norm of gradients is their curvature."""
    loss, args = ours(case)

    def norm(*args):
        grads = jax.grad(loss, (0, 1, 2))(*args)
        return sum(jnp.vdot(g, g) for g in jax.tree.leaves(grads)) / 2

    actual = interpreted(jax.grad(norm, (0, 1, 2)))(*args)
    assert_close(actual, curvature(case)(oracle.of_row(case)[1]), np.float64)


def test_hessian(case):
    """Whole, in the inputs; seen along random directions, which no two share."""
    loss, (params, carry, xs) = ours(case)
    hessian = interpreted(jax.hessian(loss, 2))(params, carry, xs)
    still = jax.tree.map(np.zeros_like, (params, carry))
    for seed in range(3):
        along = random_like(seed, xs)
        expected = curvature(case)((*still, along))[2]
        assert_close(np.einsum("tbisrj,srj->tbi", hessian, along), expected, np.float64)


def test_vmap_of_grad(case):
    loss, (params, carry, xs) = ours(case)
    models = jax.tree.map(lambda a: np.stack([a, 0.5 * np.asarray(a)]), params)
    slopes = jax.vmap(jax.grad(loss), in_axes=(0, None, None))
    actual = interpreted(slopes)(models, carry, xs)
    step = draw(case)[0].step
    for n in range(2):
        one, grads = (jax.tree.map(lambda a: a[n], tree) for tree in (models, actual))  # noqa: B023
        assert_close(grads, oracle.roll(step, one, carry, xs)[1][0], np.float64)


def test_checkpoint(case):
    """Around each step, and around the whole."""
    cell, *args = draw(case)
    thrifty = functools.partial(recur.unroll, jax.checkpoint(cell.step))
    loss = jax.checkpoint(loss_of(thrifty))
    grads = interpreted(jax.grad(loss, (0, 1, 2)))(*args)
    assert_close(grads, oracle.of_row(case)[1], np.float64)
