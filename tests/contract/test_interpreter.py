"""NumPy and XLA mean the same by a jaxpr."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted


def loops(x):
    def body(carry, row):
        carry = jax.lax.cond(row.sum() > 0, jnp.sin, lambda a: a * row, carry)
        return carry, (carry + row)[::-1]

    carry, ys = jax.lax.scan(body, x[0], x, reverse=True)
    n = jax.lax.while_loop(lambda n: n < 7, lambda n: 2 * n + 1, jnp.int32(1))
    return carry, ys, n


def arithmetic(x):
    whole = (10 * x).astype(jnp.int32)
    wide = jnp.abs(x) + 1
    return (
        (x**3, wide**-2, wide**x, jnp.exp(x) / wide, jax.nn.sigmoid(x), jnp.tanh(x)),
        (jnp.sign(x), jnp.floor(x), jnp.clip(x, -0.3, 0.3), jax.nn.relu(x), -x),
        (jnp.log(wide), jnp.sqrt(wide), jax.lax.rsqrt(wide), jnp.arctan2(x, wide)),
        (whole // 3, whole % 3, jax.lax.rem(whole, 3), jax.lax.div(whole, 3)),
        (whole & 5, whole | 2, whole ^ 3, ~whole, whole == 2, x >= 0, x < 0.1),
        jnp.select([x < -0.5, x < 0, x < 0.5], [x, 2 * x, 3 * x], -x),
    )


def shapes(x):
    return (
        (x[1:, ::2], x.T, x[None], x.reshape(2, -1), jnp.flip(x, 0), x[:, :0]),
        (jnp.concatenate([x, x], 1), jnp.stack([x, x], 1), jnp.split(x, [1], 0)),
        jax.lax.pad(x, jnp.zeros((), x.dtype), ((1, -1, 2), (-1, 2, 0))),
        jax.lax.broadcasted_iota(jnp.int32, (3, 2), 1),
        (x.sum(0), x.max(1), x.min(), x.prod(1), (x > 0).any(1), (x > 0).all()),
        [a[:, :0].max(1, initial=1) for a in (x, x > 0, (9 * x).astype(jnp.int32))],
        (jnp.einsum("ij,kj->ki", x, x), x @ x.T, jnp.einsum("ij,ij->i", x, x)),
    )


def places(x):
    at = jnp.array([[2, 0], [1, 9]])
    rows = jnp.array([0, -1, 1])
    return (
        (x[at], x[:, rows], x[rows, rows], jnp.take(x, at, 1, mode="clip")),
        (
            x.at[rows].set(7),
            x.at[at].add(1.5),
            x.at[:, rows].add(x[:, 1:], mode="drop"),
        ),
        jax.vmap(lambda a, n: jax.lax.dynamic_slice(a, (n,), (2,)))(x, at.ravel()),
        jax.lax.dynamic_update_slice(x, x[:2, :2], (9, 1)),
    )


PROGRAMS = [loops, arithmetic, shapes, places]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_numpy_means_the_same(program, dtype):
    x = random_like(0, jnp.zeros((4, 4), dtype))
    assert_close(interpreted(program)(x), jax.jit(program)(x), dtype)


@pytest.mark.quick(1)
@pytest.mark.parametrize("program", PROGRAMS)
def test_of_gradients(program):
    def loss(x):
        leaves = [a for a in jax.tree.leaves(program(x)) if a.dtype == x.dtype]
        return sum(jnp.sum(jnp.cos(a)) for a in leaves)

    x = random_like(0, jnp.zeros((4, 4)))
    transform = jax.grad if program is loops else jax.hessian
    assert_close(interpreted(transform(loss))(x), jax.jit(transform(loss))(x))


def test_what_it_does_not_know_is_asked_of_jax():
    x = np.array([0.3, -2.0, 1.0], np.float32)
    assert_close(interpreted(jnp.sort)(x), np.sort(x))
    draw = lambda key: jax.random.normal(key, (3,))
    key = jax.random.key(0)
    assert_close(interpreted(draw)(key), draw(key))


def test_dtypes_are_checked():
    assert interpreted(lambda x: 1 / x)(np.float32(3)).dtype == np.float32
