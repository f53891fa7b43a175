"""SnAp-1 against masked RTRL written out; UORO and forward gradients on average."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recur.online import RTRL, UORO, ForwardGradient, SnAp1
from recur.online.forward_gradient import ForwardGradientState
from recur.online.rtrl import RTRLState
from recur.online.snap import SnApState
from recur.online.sparsity import colour, make_layout
from recur.online.uoro import UOROState
from tests.online.data import bptt, jacobians, sequence, square, vector
from tests.online.test_exact import BY_NAME, close, learn
from tests.support.interpreter import traced


def blocks(case):
    """``[p, n]``: True where a param of a dense cell belongs to a unit, by hand."""
    gates = {"elman-tanh": ["h"], "elman-relu": ["h"], "gru": ["h"] * 3}
    gates |= {"lstm": ["hc", "hc", "hc", "h"]}
    units, reaches = 5, gates[case]
    per_gate = []
    for entries in reaches:
        kept = [
            np.eye(units) if e in entries else np.zeros((units, units)) for e in "hc"
        ]
        per_gate.append(np.hstack(kept if case == "lstm" else kept[:1]))
    column = np.vstack(per_gate)  # [gates x units, n]
    rows = [np.tile(column, (i, 1)) for i in (3, units, 1)]
    extra = [np.eye(units)] if case == "gru" else []  # b_hn
    return np.vstack(rows + extra) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elman-relu", "lstm", "gru"])
def test_snap_is_rtrl_masked_at_every_step(name):
    cell, params, carry, xs, targets = sequence(BY_NAME[name], batch_shape=(), steps=5)
    pattern = blocks(name)
    influence, total = np.zeros(pattern.shape), 0.0
    loss = lambda p, s, x, target: square(cell.step(p, s, x)[1], target)
    now, example = carry, (params, carry, xs[0])
    slopes = traced(jax.grad(loss, (0, 1)), *example, targets[0])
    dense, step = jacobians(cell.step, *example), traced(cell.step, *example)
    for x, target in zip(xs, targets, strict=True):
        direct, through = slopes(params, now, x, target)
        total = total + vector(direct) + influence @ vector(through)
        by_carry, by_params = dense(params, now, x)
        influence = pattern * (influence @ by_carry.T + by_params.T)
        now, _ = step(params, now, x)
    state, _, grads = learn(SnAp1(cell, square), params, carry, xs, targets)
    close(vector(grads), total)
    assert isinstance(state, SnApState)
    assert state.influence.shape == (len(pattern), 2 if name == "lstm" else 1)
    assert len(state.layout.seeds) == (2 if name == "lstm" else 1)


def diagonal(params, carry, x):
    """No unit looks at another one."""
    a, b = carry
    a = jnp.tanh(params["u"] * a + x @ params["w"] + params["c"])
    b = jax.nn.sigmoid(params["f"]) * b + a * params["g"]
    return (a, b), a + b


@pytest.mark.slow
def test_snap_is_exact_for_an_element_wise_cell():
    key = jax.random.key(0)
    params = {name: jax.random.normal(key, (4,)) for name in "ucfg"}
    params["w"] = jax.random.normal(key, (3, 4))
    carry = jnp.ones((2, 4)), jnp.zeros((2, 4))
    diagonal_rows = partial(jax.vmap(diagonal, in_axes=(None, 0, 0)))
    xs, targets = jax.random.normal(key, (7, 2, 3)), jnp.ones((7, 2, 4))
    data = params, carry, xs, targets
    _, *ours = learn(SnAp1(diagonal_rows, square), *data)
    close(ours, bptt(diagonal_rows, *data))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru-reset-before", "layer-norm-gru"])
def test_snap_is_exact_in_params_that_reach_every_unit(name):
    cell, *data = sequence(BY_NAME[name], batch_shape=(), steps=4)
    learner = SnAp1(cell, square)
    example = *data[:2], data[2][0], data[3][0], None, None
    everywhere = learner.pattern(*example).all(axis=1)
    snap = vector(learn(learner, *data)[2])
    state, _, grads = learn(RTRL(cell, square), *data)
    close(snap[everywhere], vector(grads)[everywhere])
    assert isinstance(state, RTRLState)
    # In the first GRU form those are the reset gate; there, all but gains and biases.
    count = {"gru-reset-before": (3 + 5 + 1) * 5, "layer-norm-gru": (3 + 5) * 15}
    assert everywhere.sum() == count[name]


def test_colours_keep_rows_apart():
    rng = np.random.default_rng(0)
    pattern = rng.random((30, 8)) < 0.1
    layout = make_layout(pattern, np.float32)
    for column in pattern:
        seen = colour(pattern)[column]
        assert len(set(seen)) == len(seen)
    dense = np.zeros(pattern.shape)
    values = np.asarray(layout.kept, float)
    np.put_along_axis(dense, np.asarray(layout.places), values, axis=1)
    np.testing.assert_array_equal(dense, pattern)


def within_errors(draws, exact, errors=4.5):
    """The mean of independent draws lies within some standard errors of the truth."""
    draws, exact = np.asarray(draws, np.float64), np.asarray(exact, np.float64)
    error = draws.std(axis=0) / np.sqrt(len(draws)) + 1e-6
    distance = np.abs(draws.mean(axis=0) - exact) / error
    assert distance.max() < errors
    # Nor is the noise so large that anything would pass.
    far = np.linalg.norm(draws.mean(axis=0) - exact) / np.linalg.norm(exact)
    assert far < 0.2


DRAWS = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elman-tanh", "lstm"])
@pytest.mark.parametrize("make", [UORO, ForwardGradient], ids=str)
def test_the_mean_over_draws_is_the_gradient(make, name):
    cell, params, carry, xs, targets = sequence(BY_NAME[name], batch_shape=(), steps=5)
    learner = make(cell, square)

    @jax.jit
    @jax.vmap
    def drawn(key):
        state = learner.init(params, carry, xs[0], targets[0], key=key)
        grads = learner.accumulate(params, state, xs, targets)[2]
        return jnp.concatenate([jnp.ravel(g) for g in jax.tree.leaves(grads)])

    draws = drawn(jax.random.split(jax.random.key(1), DRAWS))
    within_errors(draws, vector(bptt(cell.step, params, carry, xs, targets)[1]))


def test_uoro_is_exact_while_nothing_is_remembered():
    cell, params, carry, xs, targets = sequence(BY_NAME["gru"], steps=1)
    state, *ours = learn(UORO(cell, square), params, carry, xs, targets)
    assert isinstance(state, UOROState)
    close(ours, bptt(cell.step, params, carry, xs, targets))


def test_more_directions_are_less_noisy():
    cell, params, carry, xs, targets = sequence(BY_NAME["elman-tanh"], steps=3)
    exact = vector(bptt(cell.step, params, carry, xs, targets)[1])
    errors = []
    for directions in (1, 400):
        learner = ForwardGradient(cell, square, directions=directions)
        state, _, grads = learn(learner, params, carry, xs, targets)
        assert isinstance(state, ForwardGradientState)
        errors.append(np.linalg.norm(vector(grads) - exact))
    assert errors[1] < errors[0] / 4
