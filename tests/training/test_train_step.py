"""One training step against optax by hand, and what it does to what is not finite."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import recur
from recur.training import (
    DynamicScale,
    Metrics,
    StaticScale,
    TrainState,
    TrainStep,
    TruncatedBPTT,
    make_train_step,
    split_batch,
)
from recur.training.loss_scale import ScaleState
from tests.online.data import sequence, square, vector
from tests.online.test_exact import BY_NAME, close
from tests.support.interpreter import interpreted, traced

CELL = recur.GRU(5)
ROLL = functools.partial(recur.unroll, CELL)


def loss_fn(params, carry, xs, targets):
    carry, ys = ROLL(params, carry, xs)
    return jnp.mean((ys - targets) ** 2), carry


def data(batch=4, steps=3):
    _, *data = sequence(BY_NAME["gru"], batch_shape=(batch,), steps=steps)
    return data


def by_hand(optimizer, params, carry, *batches):
    """The plain optax loop, carry handed on."""
    slope = jax.value_and_grad(loss_fn, has_aux=True)

    def step(params, opt_state, carry, *batch):
        (loss, carry), grads = slope(params, carry, *batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state, carry), (loss, grads)

    state, losses = (params, interpreted(optimizer.init)(params), carry), []
    step = traced(step, *state, *batches[0])
    for batch in batches:
        state, found = step(*state, *batch)
        losses.append(found)
    return *state, losses


# Adam raises a float to an integer power, which strict promotion refuses.
@pytest.fixture
def promoting():
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.mark.quick(1)
@pytest.mark.usefixtures("promoting")
@pytest.mark.parametrize("loss_scale", [None, 2.0**10, DynamicScale(2.0**8, period=2)])
def test_steps_are_those_of_optax(loss_scale):
    params, carry, xs, targets = data()
    optimizer = optax.chain(optax.clip_by_global_norm(0.1), optax.adam(1e-2))
    init, step = make_train_step(loss_fn, optimizer, loss_scale=loss_scale)
    state = init(params, carry)
    expected = by_hand(optimizer, params, carry, *[(xs, targets)] * 4)
    for loss, grads in expected[3]:
        state, metrics = step(state, xs, targets)
        close(metrics.loss, loss)
        close(metrics.grad_norm, np.linalg.norm(vector(grads)))
    close(state[:3], expected[:3])
    assert isinstance(state, TrainState)
    assert isinstance(metrics, Metrics)
    assert (int(state.steps), int(state.skipped)) == (4, 0)


@pytest.mark.quick(1)
@pytest.mark.usefixtures("promoting")
@pytest.mark.parametrize("count", [1, 2, 4])
def test_accumulated_gradients_are_those_of_the_whole_batch(count):
    params, carry, xs, targets = data()
    optimizer = optax.adam(1e-2)
    made = make_train_step(loss_fn, optimizer, accumulate=count)
    assert isinstance(made, TrainStep)
    cut = lambda tree, axis: split_batch(tree, count, axis=axis) if count > 1 else tree
    state = made.init(params, cut(carry, 0))
    for _ in range(2):
        state, metrics = made.step(state, cut(xs, 1), cut(targets, 1))
    expected = by_hand(optimizer, params, carry, *[(xs, targets)] * 2)
    close(state.params, expected[0])
    close(metrics.loss, expected[3][-1][0])
    close(state.carry, cut(expected[2], 0))


def test_what_is_split_can_be_joined():
    a = jnp.arange(24.0).reshape(3, 4, 2)
    parts = split_batch({"a": a}, 2, axis=1)["a"]
    np.testing.assert_array_equal(parts[1], a[:, 1::2])
    np.testing.assert_array_equal(jnp.stack(list(parts), axis=2).reshape(a.shape), a)


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def test_what_is_not_finite_changes_no_bit():
    params, carry, xs, targets = data()
    params = params._replace(b=params.b.at[0].set(-0.0))
    optimizer = optax.sgd(0.1, momentum=0.9)
    init, step = make_train_step(loss_fn, optimizer)
    state, _ = step(init(params, carry), xs, targets)
    before = bits(state[:3])
    for i, bad in enumerate([jnp.nan, jnp.inf, -jnp.inf], start=1):
        state, metrics = step(state, xs.at[0, 0, 0].set(bad), targets)
        state, metrics = step(state, xs, targets.at[1, 0, 0].set(bad))
        assert bits(state[:3]) == before
        assert int(metrics.skipped) == int(state.skipped) == 2 * i
    state, metrics = step(state, xs, targets)
    again, _ = step(step(init(params, carry), xs, targets)[0], xs, targets)
    assert bits(state[:3]) == bits(again[:3])
    assert (int(state.steps), int(state.skipped)) == (8, 6)


def test_an_update_or_a_carry_that_is_not_finite_is_skipped_too():
    overflowing = optax.stateless(lambda g, p: jax.tree.map(lambda a: a / 0, g))
    init, step = make_train_step(lambda p, c, x: (p * x, c), overflowing)
    state, _ = step(init(jnp.float32(1)), jnp.float32(2))
    assert (float(state.params), int(state.skipped)) == (1, 1)
    lost = lambda p, c, x: (p * x, c / 0)
    init, step = make_train_step(lost, optax.sgd(0.5))
    state, _ = step(init(jnp.float32(1), jnp.float32(3)), jnp.float32(2))
    assert (float(state.params), float(state.carry), int(state.skipped)) == (1, 3, 1)


def test_skipping_can_be_left():
    init, step = make_train_step(
        lambda p, c, x: (p * x, c), optax.sgd(0.5), skip_nonfinite=False
    )
    state, _ = step(init(jnp.float32(1)), jnp.float32(jnp.nan))
    assert np.isnan(state.params)


@pytest.mark.parametrize("scale", [StaticScale(2.0**12), DynamicScale(2.0**30)])
def test_float16_needs_a_scale(scale):
    """A factor of 1e-5 rounds to nothing on the way back, but not in the gradient."""

    def loss_fn(params, carry, x):
        return jnp.mean(jnp.square(params * x) * jnp.float16(1e-5)), carry

    x, params = jnp.full(64, 16, jnp.float16), jnp.ones(64, jnp.float16)
    exact = 2 * 16.0**2 * 1e-5 / 64
    norms = []
    for loss_scale in (None, scale):
        init, step = make_train_step(loss_fn, optax.sgd(0.0), loss_scale=loss_scale)
        state = init(params)
        for _ in range(30):  # Time for the dynamic one to come down.
            state, metrics = step(state, x)
        norms.append(float(metrics.grad_norm) / 8)
    assert abs(norms[1] / exact - 1) < 0.01 < abs(norms[0] / exact - 1)
    assert (int(state.skipped) > 0) == isinstance(scale, DynamicScale)


def test_dynamic_scale_halves_and_doubles():
    scaling = DynamicScale(8.0, period=3)
    product = lambda p, c, x: (p * x, c)
    init, step = make_train_step(product, optax.sgd(0.0), loss_scale=scaling)
    state, scales = init(jnp.float32(1)), []
    assert isinstance(state.scale, ScaleState)
    for x in [1, 1, 1, 1, 1, jnp.inf, 1, 1, 1, jnp.nan, *[jnp.inf] * 5]:
        state, metrics = step(state, jnp.float32(x))
        scales.append(float(metrics.scale))
    assert scales == [8, 8, 8, 16, 16, 16, 8, 8, 8, 16, 8, 4, 2, 1, 1]
    assert int(state.skipped) == 7


@pytest.mark.parametrize("donate", [True, False])
def test_buffers_are_donated(donate):
    params, carry, xs, targets = data()
    init, step = make_train_step(loss_fn, optax.sgd(0.1), donate=donate)
    state = init(params, carry)
    new, _ = step(state, xs, targets)
    assert {a.is_deleted() for a in jax.tree.leaves(state)} == {donate}
    kept = jax.tree.leaves((params, carry, xs, targets, new))
    assert not any(a.is_deleted() for a in kept)


def test_without_optax_it_says_what_to_install():
    script = "import sys; sys.modules['optax'] = None; import recur.training"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert 'optax is needed here. pip install "recur-jax[train]"' in run.stderr
    assert run.returncode == 1


def test_a_second_call_traces_nothing():
    traces = []

    def counted(*args):
        traces.append(None)
        return loss_fn(*args)

    params, carry, xs, targets = data()
    init, step = make_train_step(counted, optax.sgd(0.1))
    state = init(params, carry)
    for _ in range(3):
        state, _ = step(state, xs, targets)
    assert len(traces) == 1


@pytest.mark.slow
def test_windows_that_overlap():
    params, carry, xs, targets = data(steps=8)
    learner = TruncatedBPTT(CELL, square, window=5, every=2)
    init, step = make_train_step(learner.loss, optax.sgd(0.02))
    state = init(params, learner.init(carry, xs[:2], targets[:2]))
    other = learner.init(carry, xs[:2], targets[:2])
    update = traced(learner.update, params, other, xs[:2], targets[:2])
    for t in range(0, 8, 2):
        state, metrics = step(state, xs[t : t + 2], targets[t : t + 2])
        other, loss, grads = update(params, other, xs[t : t + 2], targets[t : t + 2])
        close(metrics.loss, loss)
        params = jax.tree.map(lambda p, g: p - 0.02 * g, params, grads)
    close((state.params, state.carry), (params, other))


def test_bad_arguments_are_named():
    params, carry, xs, targets = data()
    with pytest.raises(ValueError, match="accumulate is 0"):
        make_train_step(loss_fn, optax.sgd(0.1), accumulate=0)
    with pytest.raises(ValueError, match="DynamicScale and skip"):
        make_train_step(
            loss_fn, optax.sgd(0.1), loss_scale=DynamicScale(), skip_nonfinite=False
        )
    with pytest.raises(ValueError, match=r"scale is float 0\.0"):
        make_train_step(loss_fn, optax.sgd(0.1), loss_scale=0.0)
    with pytest.raises(TypeError, match="loss_scale is str 'dynamic'"):
        make_train_step(loss_fn, optax.sgd(0.1), loss_scale="dynamic")
    with pytest.raises(TypeError, match="optimizer is a function; expected an optimis"):
        make_train_step(loss_fn, optax.sgd)
    with pytest.raises(TypeError, match="loss_fn is None; expected a function"):
        make_train_step(None, optax.sgd(0.1))
    init, step = make_train_step(loss_fn, optax.sgd(0.1))
    with pytest.raises(TypeError, match="state is a GRUParams; expected TrainState"):
        step(params, xs, targets)
    init, step = make_train_step(lambda p, c, x: p * x, optax.sgd(0.1))
    with pytest.raises(TypeError, match=r"loss_fn returned float32\[\]"):
        step(init(jnp.float32(1)), jnp.float32(1))
    init, step = make_train_step(loss_fn, optax.sgd(0.1), accumulate=3)
    with pytest.raises(ValueError, match="first axis of accumulate=3 microbatches"):
        step(init(params, carry), xs, targets)
    with pytest.raises(ValueError, match="that 3 divides"):
        split_batch(carry, 3)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("change", [None, slice(0, 1), jnp.bfloat16], ids=str)
def test_a_carry_of_another_kind_is_refused(change, skip):
    """Kept where a step is skipped, it would have been broadcast or promoted."""

    def loss_fn(params, carry, x):
        if change is None:
            return params * x, None
        other = carry[change] if isinstance(change, slice) else carry.astype(change)
        return params * x, other

    init, step = make_train_step(loss_fn, optax.sgd(0.1), skip_nonfinite=skip)
    with pytest.raises(TypeError, match=r"loss_fn returned the carry .*float32\[2\]"):
        step(init(jnp.float32(1), jnp.ones(2)), jnp.float32(1))
