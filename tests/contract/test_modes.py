"""Laws 8 and 10: every way of differentiating and compiling, and no second trace."""

import functools

import jax
import jax.numpy as jnp
import pytest

import recur
from tests.contract.data import assert_close, draw, loop, loss_of, quickly, random_like

pytestmark = pytest.mark.usefixtures("x64")


def both(case):
    """Loss by the roll, loss by the plain loop, and the arguments, in float64."""
    cell, *args = draw(case, dtype=jnp.float64)
    ours = loss_of(functools.partial(recur.unroll, cell))
    return ours, loss_of(loop(cell.step)), args


def assert_agree(transform, case):
    """The transformed loss is the same by the roll and by the plain loop."""
    ours, plain, args = both(case)
    actual, expected = (quickly(transform(loss))(*args) for loss in (ours, plain))
    assert_close(actual, expected, jnp.float64)


def test_grad(case):
    assert_agree(lambda f: jax.grad(f, (0, 1, 2)), case)


def test_jvp(case):
    def forward(f):
        tangents = lambda args: random_like(1, args)
        return lambda *args: jax.jvp(f, args, tangents(args))

    assert_agree(forward, case)


def test_linearize_and_transpose(case):
    def twice(f):
        def run(*args):
            y, linear = jax.linearize(f, *args)
            back = jax.linear_transpose(linear, *args)
            return y, linear(*args), back(y)

        return run

    assert_agree(twice, case)


def test_grad_of_grad(case):
    def penalty(f):
        def norm(*args):
            grads = jax.grad(f, (0, 1, 2))(*args)
            return sum(jnp.sum(g**2) for g in jax.tree.leaves(grads))

        return jax.grad(norm, (0, 1, 2))

    assert_agree(penalty, case)


def test_hessian(case):
    def in_xs(f):
        return lambda params, carry, xs: jax.hessian(f, 2)(params, carry, xs)

    assert_agree(in_xs, case)


def test_vmap_of_grad(case):
    def per_model(f):
        def run(params, carry, xs):
            models = jax.tree.map(lambda a: jnp.stack([a, 0.5 * a]), params)
            return jax.vmap(jax.grad(f), in_axes=(0, None, None))(models, carry, xs)

        return run

    assert_agree(per_model, case)


def test_checkpoint(case):
    cell, *args = draw(case, dtype=jnp.float64)
    thrifty = functools.partial(recur.unroll, jax.checkpoint(cell.step))
    plain = loss_of(loop(cell.step))
    for loss in (loss_of(thrifty), jax.checkpoint(loss_of(thrifty))):
        grads = quickly(jax.grad(loss, (0, 1, 2)))(*args)
        assert_close(grads, quickly(jax.grad(plain, (0, 1, 2)))(*args), jnp.float64)


def test_law_10_nothing_is_traced_twice(case):
    cell, *args = draw(case)
    traces = []

    def counted(*args):
        traces.append("step")
        return cell.step(*args)

    def roll(cell, *args):
        traces.append("roll")
        return recur.unroll(cell, *args)

    compiled = jax.jit(roll, static_argnums=0)
    for equal in (cell, case.with_dtype(jnp.float32).cell):
        recur.unroll(counted, *args)
        compiled(equal, *args)
    assert traces == ["step", "roll"]
