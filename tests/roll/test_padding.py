"""What a step is run on where it does not count: it may be singular anywhere else."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
import recur.training
from recur._roll.padding import fill_invalid, last_of, map_valid
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

T, B, H = 5, 4, 3
W = random_like(0, {"x": jnp.zeros((H, H)), "h": jnp.zeros((H, H))}, 0.3)
XS = jnp.abs(random_like(1, jnp.zeros((T, B, H)))) + 0.5
CARRY = jnp.abs(random_like(2, jnp.zeros((B, H)))) + 4.0
LENGTHS = np.array([5, 3, 0, 1])
MASK = np.arange(T)[:, None] < LENGTHS
MASK[0, 0] = MASK[2, 1] = False  # Before the first, and in between.
RESET = np.zeros((T, B), bool)
RESET[1, 0] = RESET[2, 0] = RESET[0, 1] = True


def countdown(params, carry, x):
    """Singular at zero input, and after some steps at its own carry."""
    y = jnp.log(x) @ params["x"] + jnp.sqrt(carry) @ params["h"]
    unit = x / jnp.linalg.norm(x, axis=-1, keepdims=True)
    return carry * jnp.exp(-jnp.abs(y)), jnp.tanh(y) + unit + 1 / carry


def by_row(params, carry, xs, *, mask, reset, anew, reverse):
    """Each row alone, by a loop over its valid steps only."""
    total = 0.0
    for row in range(B):
        s, order = carry[row], range(T)
        for t in reversed(order) if reverse else order:
            if not mask[t, row]:
                continue
            s = anew if reset[t, row] and not reverse else s
            s, y = countdown(params, s, xs[t, row])
            s = anew if reset[t, row] and reverse else s
            total += jnp.sum(y * (1 + t + row))
        total += jnp.sum(s * (1 + row))
    return total


def rolled(roll, params, carry, xs, *, mask, reset, anew, reverse):
    flags = {"mask": mask, "reset": reset, "reset_carry": anew, "reverse": reverse}
    xs = jnp.where(mask[..., None], xs, 0)
    last, ys = roll(countdown, params, carry, xs, **flags)
    weights = 1.0 + np.add.outer(np.arange(T), np.arange(B)).astype(np.float32)
    return jnp.sum(ys * weights[..., None]) + jnp.sum(last * weights[0, :, None])


ROLLS = {
    "scan": partial(recur.unroll, implementation="scan"),
    "chunked": partial(recur.unroll, implementation=("chunked", "scan")),
    "remat": partial(recur.unroll, remat=2),
    "loop": recur.static_unroll,
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ROLLS)
def test_singular_steps_have_the_gradients_of_their_valid_steps(name, reverse):
    compute = interpreted if name == "loop" else jax.jit
    found = compute(slopes(partial(rolled, ROLLS[name]), reverse))(*ARGS)
    assert_close(found, expected(reverse))


@cache
def expected(reverse):
    """Value and gradients of the rows, for all ways to roll."""
    return interpreted(slopes(by_row, reverse))(*ARGS)


def slopes(total, reverse):
    def loss(params, carry, xs, anew):
        flags = {"mask": MASK, "reset": RESET, "reverse": reverse}
        return total(params, carry, xs, anew=anew, **flags)

    return jax.value_and_grad(loss, (0, 1, 2, 3))


ARGS = W, CARRY, XS, jnp.full(H, 2.0)


def test_a_batch_without_a_valid_step_has_no_gradient():
    def loss(params):
        last, ys = recur.unroll(countdown, params, CARRY, 0 * XS, seq_lengths=[0] * B)
        return jnp.sum(last) + jnp.sum(ys)

    value, grads = jax.jit(jax.value_and_grad(loss))(W)
    np.testing.assert_allclose(value, CARRY.sum())
    assert_close(grads, jax.tree.map(jnp.zeros_like, W))


def test_slices_of_a_series_where_nothing_is_valid_are_not_seen():
    def scale(params, carry, x):
        return carry + jnp.log(params) * x, jnp.sqrt(params) * x

    by, xs = jnp.array([2.0, 3.0, 0.0, 0.0]), jnp.ones((4, 2))

    def loss(by):
        series = recur.PerStep(by)
        last, ys = recur.unroll(scale, series, jnp.zeros(2), xs, seq_lengths=[2, 1])
        return last.sum() + ys.sum()

    expected = [2 / 2 + 2 * 0.5 * 2**-0.5, 1 / 3 + 0.5 * 3**-0.5, 0, 0]
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(by), expected, rtol=1e-6)


@pytest.mark.slow
def test_losses_are_not_taken_at_targets_that_do_not_count():
    cell, targets = recur.GRU(H), jnp.abs(random_like(3, jnp.zeros((T, B)))) + 0.5
    params = cell.init(jax.random.key(0), H)
    likelihood = lambda y, target: jnp.log(target) * y.sum(-1) - 1 / target

    def ours(params, targets):
        blank = jnp.where(MASK, targets, 0.0)
        args = cell, likelihood, params, None, XS, blank
        return recur.unroll_loss(*args, mask=MASK)[1].sum()

    def plain(params, targets):
        _, ys = recur.static_unroll(cell, params, None, XS, mask=MASK)
        return jnp.sum(jnp.where(MASK, likelihood(ys, targets), 0))

    ours, plain = (jax.grad(f, (0, 1)) for f in (ours, plain))
    assert_close(jax.jit(ours)(params, targets), interpreted(plain)(params, targets))


@pytest.mark.slow
def test_windows_of_a_stream_too():
    bptt = recur.training.TruncatedBPTT(
        countdown, lambda y, target: jnp.log(target) * y.sum(-1), window=T
    )
    targets = jnp.where(MASK, 2.0, 0.0)
    state = bptt.init(CARRY, XS, targets, mask=MASK)
    xs = jnp.where(MASK[..., None], XS, 0)
    update = jax.jit(partial(bptt.update, mask=MASK))
    _, loss, grads = update(W, state, xs, targets)

    def plain(params):
        _, ys = recur.static_unroll(countdown, params, CARRY, XS, mask=MASK)
        return jnp.sum(jnp.log(2.0) * ys)

    assert_close((loss, grads), interpreted(jax.value_and_grad(plain))(W))


@pytest.mark.slow
def test_keys_integers_and_booleans_are_filled_too():
    valid = jnp.array([[False, True], [True, False]])
    tree = {
        "n": jnp.array([[9, 1], [2, 9]]),
        "b": jnp.array([[False, True], [True, False]]),
        "z": jnp.array([[9, 1], [2, 9]], jnp.complex64) * 1j,
        "key": jax.random.split(jax.random.key(0), (2, 2)),
    }
    filled = fill_invalid(valid, tree)
    np.testing.assert_array_equal(filled["n"], [[2, 1], [2, 1]])
    assert filled["b"].all()
    np.testing.assert_array_equal(filled["z"], np.array([[2, 1], [2, 1]]) * 1j)
    assert filled["key"].shape == (2, 2)


def test_last_of_and_map_valid_have_the_gradients_of_what_they_take():
    valid = jnp.array([[True, True], [True, False], [False, False]])
    a = jnp.arange(1.0, 7.0).reshape(3, 2)
    np.testing.assert_array_equal(last_of(valid, a), [3, 2])
    np.testing.assert_array_equal(last_of(valid, a, reverse=True), [1, 2])
    grads = jax.grad(lambda a: last_of(valid, a).sum())(a)
    np.testing.assert_array_equal(grads, [[0, 1], [1, 0], [0, 0]])
    logs = lambda a: map_valid(jnp.log, valid, jnp.where(valid, a, 0.0)).sum()
    np.testing.assert_allclose(jax.grad(logs)(a), np.where(valid, 1 / a, 0))
