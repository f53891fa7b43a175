"""Gradients of the carry at each step and by lag, against loops begun at that step."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.diagnostics import carry_gradient_norms, carry_gradients, lag_gradient_norms
from tests.diagnostics.by_hand import (
    EACH,
    carries,
    linear,
    network,
    outputs,
    squares,
)
from tests.support.interpreter import interpreted, traced

pytestmark = pytest.mark.usefixtures("x64")


def begun_at(t, cell, params, carry, xs, loss_fn):
    """The gradient at the carry of a loop that begins at step ``t``."""
    whole = partial(outputs, cell.step)
    head = interpreted(whole)(params, carry, xs)[:t]
    entering = carries(cell.step, params, carry, xs)[t]

    def loss(s):
        tail = outputs(cell.step, params, s, xs[t:])
        return jnp.sum(loss_fn(jnp.concatenate([head, tail])))

    return interpreted(jax.grad(loss))(entering)


def length(tree):
    leaves = [np.asarray(a).reshape(2, -1) for a in jax.tree.leaves(tree)]
    return np.linalg.norm(np.concatenate(leaves, axis=-1), axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_each_step_has_the_gradient_of_a_roll_begun_there(name):
    cell, params, carry, xs = network(name)
    found, norms = (
        interpreted(partial(measure, cell, squares))(params, carry, xs)
        for measure in (carry_gradients, carry_gradient_norms)
    )
    for t in range(len(xs)):
        expected = begun_at(t, cell, params, carry, xs, squares)
        at_t = jax.tree.map(lambda a, t=t: a[t], found)
        chex.assert_trees_all_close(at_t, expected, rtol=1e-10)
        np.testing.assert_allclose(norms[t], length(expected), rtol=1e-10)


@pytest.mark.parametrize("name", ["lstm", "stack"])
def test_lags_are_gradients_of_single_losses(name):
    cell, params, carry, xs = network(name)
    found = lag_gradient_norms(cell, squares, params, carry, xs, at=(3, 2), lags=2)
    assert found.shape == (2, 3, 2)
    for n, t in enumerate((3, 2)):
        for k in range(3):
            one = lambda ys, t=t: squares(ys)[t]
            expected = length(begun_at(t - k, cell, params, carry, xs, one))
            np.testing.assert_allclose(found[n, k], expected, rtol=1e-10)


def test_finite_differences_agree():
    cell, params, carry, xs = network("gru")
    found = carry_gradients(cell, squares, params, carry, xs)[0]
    loss = lambda s: squares(outputs(cell.step, params, s, xs)).sum()
    loss = traced(loss, carry)
    nudge = np.zeros(carry.shape)
    nudge[1, 2] = 1e-6
    slope = (loss(carry + nudge) - loss(carry - nudge)) / 2e-6
    np.testing.assert_allclose(found[1, 2], slope, rtol=1e-7)


def test_vanishing_is_measured_below_the_square_root_of_the_smallest_float():
    half = jnp.eye(3, dtype=jnp.float32) / 2
    carry, last = jnp.ones(3, jnp.float32), lambda ys: ys[-1, 0]
    norms = carry_gradient_norms(linear, last, half, carry, None, length=100)
    np.testing.assert_allclose(norms, 0.5 ** np.arange(99.0, -1, -1), rtol=1e-6)
    lags = lag_gradient_norms(
        linear, lambda ys: ys[:, 0], half, carry, None, length=100
    )
    np.testing.assert_allclose(lags[0], norms[::-1], rtol=1e-6)


def test_exploding_too():
    norms = carry_gradient_norms(
        linear, lambda ys: ys[-1], 3 * jnp.eye(2), jnp.ones(2), None, length=50
    )
    np.testing.assert_allclose(norms, np.sqrt(2) * 3.0 ** np.arange(49, -1, -1))


@pytest.mark.slow
def test_rows_of_different_lengths_are_rows_alone():
    cell, params, carry, xs = network("lstm")
    lengths = jnp.array([4, 2])
    planted = xs.at[2:, 1].set(jnp.nan)
    measure = partial(carry_gradient_norms, cell)
    ragged = partial(measure, squares, seq_lengths=lengths)
    norms = interpreted(ragged)(params, carry, planted)
    short = lambda ys: squares(jnp.concatenate([ys, jnp.zeros((2, 2, 2))]))
    alone = interpreted(partial(measure, short))(params, carry, xs[:2])
    np.testing.assert_allclose(norms[:2, 1], alone[:, 1], rtol=1e-10)
    assert not norms[2:, 1].any()


def test_a_reset_stops_the_gradient():
    cell, params, carry, xs = network("gru")
    reset = jnp.zeros((4, 2), bool).at[2].set(True)
    last = lambda ys: squares(ys)[-1]
    norms = carry_gradient_norms(cell, last, params, carry, xs, reset=reset)
    assert norms[2:].all()
    assert not norms[:2].any()


@pytest.mark.slow
def test_batch_major_and_reverse():
    cell, params, carry, xs = network("gru")
    forwards = carry_gradient_norms(cell, squares, params, carry, xs)
    swapped = lambda ys: squares(jnp.swapaxes(ys, 0, 1))
    batch_major = {"time_major": False}
    found = carry_gradient_norms(
        cell, swapped, params, carry, jnp.swapaxes(xs, 0, 1), **batch_major
    )
    np.testing.assert_allclose(found, forwards, rtol=1e-10)
    flipped = lambda ys: squares(ys[::-1])
    back = carry_gradient_norms(cell, flipped, params, carry, xs[::-1], reverse=True)
    np.testing.assert_allclose(back[::-1], forwards, rtol=1e-10)
    lags = [
        lag_gradient_norms(cell, squares, params, carry, xs),
        lag_gradient_norms(
            cell, lambda ys: flipped(ys)[::-1], params, carry, xs[::-1], reverse=True
        ),
    ]
    np.testing.assert_allclose(*lags, rtol=1e-10)


def test_a_carry_may_hold_more_than_floats_and_have_matrices():
    def fast_weights(params, carry, x):
        a = params * carry["a"] + x[..., :, None] * x[..., None, :]
        return {"a": a, "count": carry["count"] + 1}, a.sum((-2, -1))

    carry = {"a": jnp.ones((2, 3, 3)), "count": jnp.int32(0)}
    args = 0.5, carry, jnp.ones((4, 2, 3))
    found = carry_gradients(fast_weights, lambda ys: ys[-1], *args)
    assert found["count"] is None
    np.testing.assert_allclose(found["a"][:, 0, 0, 0], 0.5 ** np.arange(4, 0, -1))
    norms = carry_gradient_norms(fast_weights, lambda ys: ys[-1], *args, batch_ndim=1)
    np.testing.assert_allclose(norms[:, 0], 3 * 0.5 ** np.arange(4, 0, -1))


@pytest.mark.slow
def test_series_and_masks_of_dropout_travel_along():
    cell = recur.RecurrentDropout(recur.GRU(3, dtype=jnp.float64), rate=0.5)
    params, xs = cell.init(jax.random.key(0), 2), jnp.ones((5, 2, 2))
    drawn = recur.draw_masks(cell, jax.random.key(1), params, xs)
    carry = cell.init_carry((2,))
    found = interpreted(partial(carry_gradients, cell, squares))(drawn, carry, xs)
    loss = lambda s: squares(recur.static_unroll(cell, drawn, s, xs)[1]).sum()
    np.testing.assert_allclose(found[0], interpreted(jax.grad(loss))(carry), rtol=1e-10)


@pytest.mark.slow
def test_jit_and_no_second_trace():
    cell, params, carry, xs = network("lstm")
    eager = carry_gradient_norms(cell, squares, params, carry, xs)
    traced = jax.jit(
        chex.assert_max_traces(
            lambda p, s, x: carry_gradient_norms(cell, squares, p, s, x), n=1
        )
    )
    for _ in range(2):
        np.testing.assert_allclose(traced(params, carry, xs), eager, rtol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at": (4,)}, "at has the step 4; expected 0 to 3"),
        ({"at": (-1,)}, "at has the step -1; expected 0 to 3"),
        ({"at": (1.5,)}, r"at has the step 1\.5; expected 0 to 3"),
        ({"at": ()}, r"at is \(\); expected one step or more"),
        ({"at": 3}, "at is 3; expected one step or more in a sequence"),
        ({"at": (1,), "lags": 2}, "lags is 2; expected an integer from 0 to 1"),
        ({"batch_ndim": 3}, "batch_ndim is 3; expected an integer from 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    cell, params, carry, xs = network("gru")
    with pytest.raises(ValueError, match=message):
        lag_gradient_norms(cell, squares, params, carry, xs, **options)


def test_losses_need_a_time_axis_and_a_carry_floats():
    cell, params, carry, xs = network("gru")
    with pytest.raises(ValueError, match=r"loss_fn returned float64.*expected 4"):
        lag_gradient_norms(cell, jnp.sum, params, carry, xs)
    count = lambda params, carry, x: (carry + 1, x)
    with pytest.raises(TypeError, match="carry has no array of floating-point"):
        carry_gradients(count, jnp.sum, None, jnp.int32(0), xs)
    with pytest.raises(ValueError, match="leaves of carry have the batch axes"):
        carry_gradient_norms(count, jnp.sum, None, (carry, jnp.ones((3, 4))), xs)
