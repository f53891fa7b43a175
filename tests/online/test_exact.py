"""RTRL, and forward gradients along all axes, against back-propagation through time."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.online import RTRL, UORO, ForwardGradient, Learner, SnAp1
from tests.cases import CASES
from tests.online.data import bptt, sequence, square
from tests.support.draw import assert_close, quickly
from tests.support.interpreter import interpreted

BY_NAME = {case.name: case for case in CASES}
LEARNERS = [
    RTRL,
    SnAp1,
    UORO,
    partial(ForwardGradient, directions=None),
    partial(ForwardGradient, directions=3),
]
KEY = jax.random.key(3)


def close(actual, expected, tolerance=1e-5):
    for a, b in zip(*map(jax.tree.leaves, (actual, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def learn(learner, params, carry, xs, targets, **flags):
    one = {name: flag[0] for name, flag in flags.items()}
    init = interpreted(partial(learner.init, key=KEY, **one))
    state = init(params, carry, xs[0], targets[0])
    return interpreted(partial(learner.accumulate, **flags))(params, state, xs, targets)


def carry_after(cell, *data):
    return interpreted(partial(recur.unroll, cell, implementation="scan"))(*data)[0]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rtrl_is_bptt(case):
    cell, *data = sequence(case)
    state, loss, grads = learn(RTRL(cell, square), *data)
    close((loss, grads), bptt(cell.step, *data))
    assert_close(state.carry, carry_after(cell, *data[:3]))


@pytest.mark.quick(1)
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["lstm", "user-cell"])
def test_rtrl_is_bptt_in_float64(name):
    data = sequence(BY_NAME[name], batch_shape=(), steps=9, dtype=jnp.float64)
    cell, *data = data
    _, *ours = learn(RTRL(cell, square), *data)
    close(ours, bptt(cell.step, *data), 1e-12)


@pytest.mark.parametrize("name", ["stack"])
def test_all_directions_are_exact(name):
    cell, *data = sequence(BY_NAME[name])
    _, *ours = learn(ForwardGradient(cell, square, directions=None), *data)
    close(ours, bptt(cell.step, *data))


def test_each_update_has_the_gradient_of_its_own_loss():
    cell, params, carry, xs, targets = sequence(BY_NAME["gru"], steps=4)
    learner = RTRL(cell, square)
    state, sums = learner.init(params, carry, xs[0], targets[0]), []
    update = quickly(learner.update)
    for x, target in zip(xs, targets, strict=True):
        state, loss, grads = update(params, state, x, target)
        sums.append((loss, grads))
    for t in (1, 4):
        total = jax.tree.map(lambda *a: sum(a), *sums[:t])
        close(total, bptt(cell.step, params, carry, xs[:t], targets[:t]))


def test_any_function_is_a_cell():
    step = lambda params, carry, x: (
        {"a": jnp.sin(carry["a"]) * params["k"] + x, "b": carry["b"] + carry["a"]},
        carry["a"] * params["m"] + carry["b"],
    )
    params = {"k": jnp.float32(0.7), "m": jnp.float32(-1.3)}
    carry = {"a": jnp.float32(0.2), "b": jnp.float32(0.1)}
    xs, targets = jnp.linspace(-1, 1, 8), jnp.ones(8)
    loss_fn = lambda y, target: jnp.abs(y - target)
    _, *ours = learn(RTRL(step, loss_fn), params, carry, xs, targets)
    close(ours, bptt(step, params, carry, xs, targets, loss_fn))


FLAGS = {
    "mask": jnp.array([[1, 1], [1, 0], [0, 1], [1, 1], [1, 0]], bool),
    "reset": jnp.array([[1, 1], [0, 0], [1, 1], [0, 1], [0, 0]], bool),
}


def rolled(learner, params, carry, xs, targets, **flags):
    """Back-propagation through the roll that has the flags."""

    def total(params):
        anew = learner.reset_carry(params)
        roll = (learner.step, square, params, carry, xs, targets)
        return jnp.sum(recur.unroll_loss(*roll, reset_carry=anew, **flags)[1])

    return interpreted(jax.value_and_grad(total))(params)


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("name", "flags"), [("learned-carry", ["mask", "reset"]), ("user-cell", ["reset"])]
)
def test_masks_and_resets_mean_what_they_mean_in_the_roll(name, flags):
    cell, params, carry, xs, targets = sequence(BY_NAME[name], steps=5)
    flags = {name: FLAGS[name] for name in flags}
    if "mask" in flags:
        bad = ~FLAGS["mask"][..., None]
        xs, targets = (jnp.where(bad, jnp.nan, a) for a in (xs, targets))
    anew = lambda params: cell.init_carry((2,), params=params)
    learner = RTRL(cell, square, reset_carry=anew)
    data = params, carry, xs, targets
    close(learn(learner, *data, **flags)[1:], rolled(learner, *data, **flags))


def test_a_learned_initial_carry_has_its_gradient():
    cell, params, carry, xs, targets = sequence(BY_NAME["learned-carry"])
    start = lambda params: cell.init_carry((2,), params=params)
    first = jnp.arange(len(xs)) == 0
    learner = RTRL(cell, square, reset_carry=start)
    _, *ours = learn(learner, params, carry, xs, targets, reset=first)
    close(ours, bptt(cell.step, params, carry, xs, targets, start=start))


@pytest.mark.quick(2)
@pytest.mark.parametrize("make", LEARNERS, ids=str)
def test_learners_can_be_exchanged(make):
    cell, params, carry, xs, targets = sequence(BY_NAME["user-cell"])
    learner = make(cell, square)
    assert isinstance(learner, Learner)
    assert hash(learner) == hash(make(cell, square))
    state = learner.init(params, carry, xs[0], targets[0], key=KEY)
    learn, losses = quickly(learner.accumulate), 0
    for half in (slice(0, 3), slice(3, 6)):
        state, loss, grads = learn(params, state, xs[half], targets[half])
        losses += loss
    close(losses, bptt(cell.step, params, carry, xs, targets)[0])
    assert_close(state.carry, carry_after(cell, params, carry, xs))
    shapes = lambda tree: jax.tree.map(jnp.zeros_like, tree)
    assert_close(shapes(grads), shapes(params))


@pytest.mark.quick(1)
@pytest.mark.parametrize("make", [RTRL, SnAp1], ids=str)
def test_a_learner_a_row_adds_up_to_that_of_the_batch(make):
    cell, params, carry, xs, targets = sequence(BY_NAME["elman-tanh"], steps=3)
    learner = make(cell, square)

    def row(carry, xs, targets):
        state = learner.init(params, carry, xs[0], targets[0])
        return learner.accumulate(params, state, xs, targets)[1:]

    rows = interpreted(jax.vmap(row, in_axes=(0, 1, 1)))(carry, xs, targets)
    total = jax.tree.map(lambda a: a.sum(0), rows)
    close(learn(learner, params, carry, xs, targets)[1:], total)


@pytest.mark.quick(1)
@pytest.mark.parametrize("make", LEARNERS, ids=str)
@pytest.mark.usefixtures("as_users_fuse")
def test_memory_does_not_grow_with_time(make):
    cell, params, carry, xs, targets = sequence(BY_NAME["user-cell"])
    learner, taken = make(cell, square), []
    state = learner.init(params, carry, xs[0], targets[0], key=KEY)
    for steps in (64, 4096):
        data = jnp.ones((steps, *xs[0].shape)), jnp.ones((steps, *targets[0].shape))
        compiled = jax.jit(learner.accumulate).lower(params, state, *data).compile()
        taken.append(compiled.memory_analysis().temp_size_in_bytes)
    assert taken[0] == taken[1]


def test_equal_learners_trace_once():
    traces = []

    def step(params, carry, x):
        traces.append(None)
        return carry * params + x, carry

    params, carry, xs = jnp.float32(0.5), jnp.float32(0), jnp.ones(3)
    counts = []
    for _ in range(2):
        learner = RTRL(step, _difference)
        state = RTRL(step, _difference).init(params, carry, xs[0], xs[0])
        learner.accumulate(params, state, xs, xs)
        counts.append(len(traces))
    assert counts[0] == counts[1] > 0


def _difference(y, target):
    return y - target


def test_bad_arguments_are_named():
    cell = recur.GRU(2)
    params, example = cell.init(KEY, 3), (cell.init_carry(), jnp.ones(3), jnp.ones(2))
    with pytest.raises(TypeError, match="RTRL: step is int 3"):
        RTRL(3, square)
    count = lambda params, carry, x: (carry, x)
    with pytest.raises(TypeError, match=r"RTRL: carry\['n'\] is int32\[\]"):
        RTRL(count, square).init(params, {"n": jnp.int32(0)}, *example[1:])
    with pytest.raises(TypeError, match=r"SnAp1: x is int32\[3\]"):
        SnAp1(cell, square).init(params, example[0], jnp.arange(3), example[2])
    with pytest.raises(TypeError, match=r"UORO.init: key is None"):
        UORO(cell, square).init(params, *example)
    with pytest.raises(TypeError, match=r"ForwardGradient.init: key is None"):
        ForwardGradient(cell, square).init(params, *example)
    drawn = {"p": params, "s": recur.PerStep(jnp.ones(6))}
    with pytest.raises(TypeError, match="RTRL: params or carry hold a PerStep"):
        RTRL(cell, square).init(drawn, *example)
    with pytest.raises(ValueError, match="ForwardGradient: directions is 0"):
        ForwardGradient(cell, square, directions=0)


@pytest.mark.parametrize("make", LEARNERS, ids=str)
def test_a_mask_of_rows_needs_a_loss_of_rows(make):
    """One number for all rows would count once for every row that is valid."""
    cell, params, carry, xs, targets = sequence(BY_NAME["user-cell"])
    learner = make(cell, lambda y, target: jnp.sum((y - target) ** 2))
    state = learner.init(params, carry, xs[0], targets[0], key=KEY)
    with pytest.raises(ValueError, match=r"loss_fn returned float32\[\]; .* \(2,\)"):
        learner.update(params, state, xs[0], targets[0], mask=jnp.ones(2, bool))
    with pytest.raises(TypeError, match=r"update: state is a dict; expected"):
        learner.update(params, carry, xs[0], targets[0])
