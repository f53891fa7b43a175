"""What a derivative needs is kept in the place of what it no longer needs."""

import re

import jax
import jax.numpy as jnp
import pytest

import recur
from recur._roll.chunked.inplace_scan import inplace_scan, stacked_outputs
from tests.support.draw import assert_close, random_like, weigh

B, T, N, H = 3, 37, 4, 5
CELLS = {
    "lstm": recur.LSTM(H),
    "gru": recur.GRU(H),
    "gru-before": recur.GRU(H, reset_after=False),
    "elman": recur.Elman(H),
    "irnn": recur.Elman(H, activation=jax.nn.relu),
}
RESET = {"reset": jnp.zeros((T, B), bool).at[5].set(True)}
LENGTHS = {"seq_lengths": jnp.array([T, 0, 3])}
OPTIONS = {"plain": {}, "reverse": {"reverse": True}, "reset": RESET, "ragged": LENGTHS}


def body(carry, x):
    carry = jnp.tanh(carry + x["a"])
    return carry, (carry, x["b"]), (2 * x["a"], 3 * x["b"], carry, x["b"])


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_plain_scan(in_place, reverse):
    carry, xs = random_like(0, jnp.zeros(2)), random_like(1, {"a": jnp.zeros((T, 2))})
    xs["b"] = random_like(2, jnp.zeros((T, 2)))
    options = {"length": T, "reverse": reverse}

    def plain(carry, xs):
        step = lambda s, x: (lambda s, y, kept: (s, (y, kept)))(*body(s, x))
        carry, (ys, kept) = jax.lax.scan(step, carry, xs, **options)
        return carry, ys, kept

    def keeping(carry, xs):
        values = stacked_outputs(body, carry, jax.tree.map(lambda a: a[0], xs))
        carry, rows = inplace_scan(
            body, carry, xs, values, residuals_in_place=in_place, **options
        )
        return carry, *values.spread(rows)

    both = [jax.jit(f)(carry, xs) for f in (keeping, plain)]
    assert_close(*both)
    grads = [jax.jit(jax.grad(lambda *a, f=f: weigh(f(*a)))) for f in (keeping, plain)]
    assert_close(*(grad(carry, xs) for grad in grads))


def copies_of_all_steps(function, *args):
    """Counts copies of something with an axis of T inside the loops of a program."""
    text = jax.jit(function).lower(*args).compile().as_text()
    loops = set(re.findall(r"body=%?([\w.\-]+)", text))
    parts = re.split(r"\n(?=%|ENTRY)", text)
    bodies = [p for p in parts if re.match(r"%?([\w.\-]+)", p)[1] in loops]
    assert bodies
    return sum(len(re.findall(rf"\[(?:\d+,)?{T},\S* copy\(", b)) for b in bodies)


@pytest.mark.usefixtures("as_users_fuse")
def test_copies_would_be_seen():
    def loop(a):
        step = lambda a, t: (a.at[t].set(a[(t + 1) % T] + a.sum()), a[0])
        return jax.lax.scan(step, a, jnp.arange(T))

    assert copies_of_all_steps(loop, jnp.zeros((T, B)))


@pytest.mark.quick(1)
@pytest.mark.usefixtures("as_users_fuse")
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("option", OPTIONS)
def test_no_step_copies_what_all_steps_keep(name, option):
    cell = CELLS[name]
    args = cell.init(jax.random.key(0), N), cell.init_carry((B,)), jnp.zeros((T, B, N))

    def loss(params, carry, xs):
        roll = recur.unroll(
            cell, params, carry, xs, implementation="chunked", **OPTIONS[option]
        )
        return jnp.sum(roll[1] ** 2)

    assert not copies_of_all_steps(jax.grad(loss, (0, 2)), *args)


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_no_step_copies_it_in_the_second_derivative_or_under_vmap(name):
    cell = CELLS[name]
    args = cell.init(jax.random.key(0), N), cell.init_carry(), jnp.zeros((T, B, N))

    def loss(params, carry, xs):
        row = lambda x: recur.unroll(cell, params, carry, x, implementation="chunked")
        return jnp.sum(jax.vmap(row, 1)(xs)[1] ** 2)

    def steepness(*args):
        return jnp.sum(jax.grad(loss)(*args).w_hh ** 2)

    assert not copies_of_all_steps(jax.grad(loss), *args)
    assert not copies_of_all_steps(jax.grad(steepness), *args)
