"""Truncated back-propagation: full where the window covers all, else the textbook's."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.training import TruncatedBPTT, TruncatedState, tbptt
from tests.online.data import bptt, sequence, square
from tests.online.test_exact import BY_NAME, close
from tests.support.draw import assert_close, quickly, random_like
from tests.support.interpreter import interpreted
from tests.training.literal import literal

TEXTBOOK = [
    ("gru", 8, 4, 4),
    ("user-cell", 10, 6, 2),
    ("user-cell", 11, 5, 3),
    ("user-cell", 7, 4, 4),
    ("user-cell", 3, 9, 5),
    ("elman-tanh", 7, 4, 1),
    ("stack", 8, 5, 3),
]
COVERED = ["elman-relu", "lstm-projection", "gru-reset-before", "stack", "user-cell"]


def sizes(length, **given):
    """Flags of no effect but where given."""
    flags = {
        "valid": jnp.ones((length, 2), bool),
        "reset": jnp.zeros((length, 2), bool),
    }
    return list((flags | given).values())


def whole(cell, loss_fn, *data, **options):
    """``tbptt``, as NumPy computes it."""
    flags = {name: options.pop(name) for name in [*options] if name in FLAGS}
    run = lambda data, flags: tbptt(cell, loss_fn, *data, **flags, **options)
    return interpreted(run)(data, flags)


FLAGS = "mask", "seq_lengths", "reset"


def summed(updates):
    return jax.tree.map(lambda *a: sum(a), *updates)


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", COVERED)
def test_a_window_over_all_is_full_bptt(name):
    cell, *data = sequence(BY_NAME[name], steps=6)
    carry, *ours = whole(cell, square, *data, window=6, every=2)
    close(ours, bptt(cell.step, *data))
    roll = interpreted(functools.partial(recur.unroll, cell))
    assert_close(carry, roll(*data[:3])[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "length", "window", "every"), TEXTBOOK)
def test_truncation_is_that_of_the_textbook(name, length, window, every):
    cell, params, carry, xs, targets = sequence(BY_NAME[name], steps=length)
    data = params, carry, xs, targets
    last, *ours = whole(cell, square, *data, window=window, every=every)
    steps = [xs, targets, *sizes(length)]
    updates, end = literal(cell.step, square, params, carry, steps, window, every)
    close(ours, summed(updates))
    close(last, end)
    full = bptt(cell.step, *data)[1]
    gap = max(
        jax.tree.leaves(jax.tree.map(lambda a, b: abs(a - b).max(), ours[1], full))
    )
    assert gap < 1e-5 if window >= length else gap > 1e-4


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_truncation_in_float64():
    cell, *data = sequence(BY_NAME["lstm"], steps=8, dtype=jnp.float64)
    _, *ours = whole(cell, square, *data, window=5, every=3)
    steps = [*data[2:], *sizes(8)]
    updates, _ = literal(cell.step, square, *data[:2], steps, 5, 3)
    for a, b in zip(*map(jax.tree.leaves, (ours, summed(updates))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


LENGTHS = jnp.array([7, 3])
VALID = jnp.array([[1, 1], [1, 1], [0, 1], [1, 0], [1, 0], [1, 0], [1, 0]], bool)
RESET = jnp.array([[1, 1], [0, 0], [1, 1], [0, 0], [0, 1], [1, 0], [0, 0]], bool)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("window", "every", "remat"), [(5, 2, None), (3, 3, 2), (7, 4, "sqrt")]
)
def test_masks_lengths_and_resets(window, every, remat):
    cell, params, carry, xs, targets = sequence(BY_NAME["learned-carry"], steps=7)
    bad = ~VALID[..., None]
    xs, targets = (jnp.where(bad, jnp.nan, a) for a in (xs, targets))
    anew = functools.partial(_start, cell)
    mask = VALID.at[3:, 1].set(True)  # The lengths say the rest.
    flags = {"mask": mask, "seq_lengths": LENGTHS, "reset": RESET}
    options = {"window": window, "every": every, "reset_carry": anew, "remat": remat}
    ours = whole(cell, square, params, carry, xs, targets, **flags, **options)
    steps = [xs, targets, VALID, RESET]
    data = cell.step, square, params, carry, steps
    updates, end = literal(*data, window, every, anew=anew)
    close(ours[1:], summed(updates))
    close(ours[0], end)


def _start(cell, params):
    return cell.init_carry((2,), params=params)


@pytest.mark.parametrize(("window", "every"), [(5, 2), (4, 4)])
def test_a_stream_with_params_that_change(window, every):
    cell, params, carry, xs, targets = sequence(BY_NAME["elman-tanh"], steps=12)
    learner = TruncatedBPTT(cell, square, window, every)
    steps = [xs, targets, *sizes(12)]
    data = cell.step, square, params, carry, steps
    expected, _ = literal(*data, window, every, rate=0.05)
    state = learner.init(carry, xs[:every], targets[:every])
    assert isinstance(state, TruncatedState)
    update, saved = quickly(learner.update), None
    for i, one in enumerate(expected):
        block = slice(i * every, (i + 1) * every)
        if i == 2:  # As a checkpoint would have it.
            saved = jax.tree.map(np.asarray, (params, state))
        state, *ours = update(params, state, xs[block], targets[block])
        close(ours, one)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, ours[1])
    params, state = saved
    for i, one in enumerate(expected[2:], start=2):
        block = slice(i * every, (i + 1) * every)
        state, *ours = update(params, state, xs[block], targets[block])
        close(ours, one)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, ours[1])


@pytest.mark.slow
def test_updates_with_flags_are_those_of_the_whole():
    cell, params, carry, xs, targets = sequence(BY_NAME["gru"], steps=7)
    learner = TruncatedBPTT(cell, square, window=5, every=3)
    flags = {"mask": VALID, "reset": RESET}
    parts = [{name: flag[i : i + 3] for name, flag in flags.items()} for i in (0, 3)]
    state = learner.init(carry, xs[:3], targets[:3], **parts[0])
    total = []
    for i, part in zip((0, 3), parts, strict=True):
        block = xs[i : i + 3], targets[i : i + 3]
        update = interpreted(functools.partial(learner.update, **part))
        state, *new = update(params, state, *block)
        total.append(new)
    flags = {name: flag[:6] for name, flag in flags.items()}
    data = cell, square, params, carry, xs[:6], targets[:6]
    last, *expected = whole(*data, window=5, every=3, **flags)
    close(summed(total), expected)
    close(state.carry, last)


@pytest.mark.slow
def test_trees_and_functions():
    step = lambda params, carry, x: (
        {"n": jnp.tanh(carry["n"] * params + x["a"])},
        (carry["n"], x["b"]),
    )
    loss_fn = lambda y, target: jnp.abs(y[0] - target["t"]) + y[1]
    carry, length = {"n": jnp.full((2,), 0.1)}, 9
    xs = random_like(3, {name: jnp.zeros((length, 2)) for name in "ab"})
    targets = {"t": jnp.ones((length, 2))}
    params = jnp.full((2,), 0.7)
    _, *ours = tbptt(step, loss_fn, params, carry, xs, targets, window=4, every=2)

    def as_array(params, carry, x):
        return step(params, carry, {"a": x[:, 0], "b": x[:, 1]})

    array_loss = lambda y, target: jnp.abs(y[0] - target) + y[1]
    steps = [jnp.stack([xs["a"], xs["b"]], -1), targets["t"], *sizes(length)]
    updates, _ = literal(as_array, array_loss, params, carry, steps, 4, 2)
    close(ours, summed(updates))


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_fuse")
def test_memory_does_not_grow_with_the_stream():
    cell, params, carry, *_ = sequence(BY_NAME["lstm"])
    learner = TruncatedBPTT(cell, square, window=16, every=4)

    def loss_and_grads(params, xs, targets):
        def advance(state, block):
            state, *new = learner.update(params, state, *block)
            return state, new[0]

        blocks = jax.tree.map(lambda a: a.reshape(-1, 4, *a.shape[1:]), (xs, targets))
        state = learner.init(carry, *jax.tree.map(lambda a: a[0], blocks))
        return jax.lax.scan(advance, state, blocks)

    taken = []
    for steps in (64, 4096):
        data = jnp.ones((steps, 2, 3)), jnp.ones((steps, 2, 5))
        compiled = jax.jit(loss_and_grads).lower(params, *data).compile()
        taken.append(compiled.memory_analysis().temp_size_in_bytes)
    assert taken[0] == taken[1]


def test_a_second_call_traces_nothing():
    cell, *data = sequence(BY_NAME["gru"])
    traces = []

    def loss_fn(y, target):
        traces.append(None)
        return square(y, target)

    tbptt(cell, loss_fn, *data, window=4, every=2)
    count = len(traces)
    tbptt(cell, loss_fn, *data, window=4, every=2)
    assert len(traces) == count
    chex.assert_trees_all_equal(
        TruncatedBPTT(cell, square, 4), TruncatedBPTT(cell, square, 4, 4)
    )


def test_bad_arguments_are_named():
    cell, params, carry, xs, targets = sequence(BY_NAME["gru"])
    data = cell, square, params, carry, xs, targets
    with pytest.raises(ValueError, match="window is 2 and every 3"):
        tbptt(*data, window=2, every=3)
    with pytest.raises(ValueError, match="every is 0"):
        tbptt(*data, window=2, every=0)
    with pytest.raises(TypeError, match="step is int 3"):
        TruncatedBPTT(3, square, 4)
    with pytest.raises(ValueError, match=r"targets is float32\[4, 2, 5\]"):
        tbptt(*data[:-1], targets[:4], window=2)
    total = lambda y, target: jnp.sum((y - target) ** 2)
    with pytest.raises(ValueError, match=r"loss_fn: it returned float32\[\]"):
        tbptt(cell, total, *data[2:], window=2, mask=jnp.ones((6, 2), bool))
    with pytest.raises(TypeError, match=r"loss_fn: it returned a tuple"):
        tbptt(cell, lambda y, target: (y, target), *data[2:], window=2)
    with pytest.raises(TypeError, match=r"loss_fn: it returned int32\[\d"):
        tbptt(cell, lambda y, target: jnp.sum(y > 0), *data[2:], window=2)
    with pytest.raises(TypeError, match=r"params\['n'\] is int32\[\]"):
        tbptt(cell, square, {"n": jnp.int32(1)}, *data[3:], window=2)
    drawn = {"s": recur.PerStep(jnp.ones(6))}
    with pytest.raises(TypeError, match="params hold a PerStep; expected the same"):
        tbptt(cell, square, drawn, *data[3:], window=2)
    learner = TruncatedBPTT(cell, square, 4, 2)
    state = learner.init(carry, xs[:2], targets[:2])
    with pytest.raises(ValueError, match="xs has 3 steps; expected at most 2"):
        learner.update(params, state, xs[:3], targets[:3])
    with pytest.raises(ValueError, match="Give init and every update the same"):
        learner.update(params, state, xs[:2], targets[:2], reset=RESET[:2])


@pytest.mark.parametrize("deep", [False, True])
def test_what_needs_the_whole_sequence_is_refused(deep):
    layer = recur.Bidirectional(recur.GRU(2))
    step = recur.Stack((recur.GRU(2), recur.Stack((layer,)))) if deep else layer
    with pytest.raises(ValueError, match="step is a Bidirectional, which needs the"):
        TruncatedBPTT(step, square, 4)
    assert hasattr(step, "unroll")


@pytest.mark.slow
def test_masks_that_were_drawn_stay_with_their_steps():
    """Two updates against the windows rolled by hand, each step with its own mask."""
    inner = recur.Dropout(recur.RecurrentDropout(recur.GRU(4), rate=0.5), rate=0.5)
    _, _, carry, xs, targets = sequence(BY_NAME["gru"], steps=4)
    carry, targets = carry[..., :4], targets[..., :4]
    params = inner.init(jax.random.key(0), 3)
    bptt_ = TruncatedBPTT(inner, square, window=4, every=2)
    keys, halves = [*jax.random.split(jax.random.key(1))], (slice(0, 2), slice(2, 4))

    def draw(params, key):
        return recur.draw_masks(inner, key, params, xs[:2])

    @interpreted
    @functools.partial(jax.value_and_grad, has_aux=True)
    def loss(params, state, key, xs, targets):
        return bptt_.loss(draw(params, key), state, xs, targets)

    first = xs[:2], targets[:2]
    state, ours = bptt_.init(carry, *first, params=draw(params, keys[0])), []
    for key, half in zip(keys, halves, strict=True):
        (_, state), grads = loss(params, state, key, xs[half], targets[half])
        ours.append(grads)

    def by_hand(params, begun):
        """The loss of the second half, walked from the start through both masks."""
        s, total = carry, 0.0
        for key, half in zip(keys, halves, strict=True):
            s, ys = recur.static_unroll(inner, draw(params, key), s, xs[half])
            total = total * begun + jnp.sum(square(ys, targets[half]))
        return total

    whole = interpreted(jax.grad(by_hand))
    close(ours[1], whole(params, 0.0))
    close(summed(ours), whole(params, 1.0))
    plain = bptt_.init(carry, *first)
    with pytest.raises(ValueError, match="init the params too"):
        bptt_.loss(draw(params, keys[0]), plain, *first)
    with pytest.raises(TypeError, match=r"is bool\[.*draw masks inside the loss"):
        bptt_.update(draw(params, keys[0]), state, *first)
