"""The language model: its training step, its evaluation, its baselines."""

from functools import partial

import jax
import numpy as np
import pytest

import recur
from recur.tasks.task import make_optimizer
from recur.tasks.text import Text, TextSettings
from recur.training.train_step import make_train_step
from tests.support.interpreter import interpreted

TEXT = "".join(f"{n} times {n} is {n * n}.\n" for n in range(40))


@pytest.fixture
def task(tmp_path):
    """A small model of a small text."""
    path = tmp_path / "text"
    path.write_text(TEXT)
    sizes = {"hidden": 8, "batch": 2, "window": 4}
    return Text(TextSettings(text=str(path), **sizes))


@pytest.mark.slow
def test_the_carry_is_handed_on_and_its_gradient_is_not(task):
    params, key = task.init(jax.random.key(0)), jax.random.key(1)
    with jax.numpy_dtype_promotion("standard"):
        init, step = make_train_step(task.loss, task.make_optimizer(), donate=False)
        state = init(params, task.init_carry())
        batch = task.batch(0)
        slope = jax.value_and_grad(task.loss, has_aux=True)
        optimizer = make_optimizer(task.settings)

        @interpreted
        def by_hand(params, carry, opt_state, batch, key):
            found, grads = slope(params, carry, batch, key)
            return found, optimizer.update(grads, opt_state, params)[0]

        (loss, expected), updates = by_hand(
            params, task.init_carry(), state.opt_state, batch, key
        )
        after, told = step(state, batch, key)
    np.testing.assert_allclose(told.loss, loss, rtol=1e-6)
    moved = jax.tree.map(np.add, params, updates)
    for new, old in ((after.carry, expected), (after.params, moved)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), new, old)


def test_windows_continue_each_other(task):
    ids, half = task.corpus.train, len(task.corpus.train) // 2
    for step in (0, 1, 5):
        start = 4 * step
        window = np.asarray(task.batch(step))
        np.testing.assert_array_equal(window[:, 0], ids[start : start + 5])
        np.testing.assert_array_equal(
            window[:, 1], ids[half + start : half + start + 5]
        )


@pytest.mark.slow
def test_evaluation_reads_all_of_the_text_once(task):
    params, ids = task.init(jax.random.key(0)), task.corpus.valid
    rows = len(ids) // 2
    window = np.stack([ids[:rows], ids[rows : 2 * rows]], axis=1)
    window = window[: 1 + (rows - 1) // 4 * 4]
    xs = jax.nn.one_hot(window[:-1], len(task.vocabulary))
    roll = interpreted(partial(recur.unroll, task.model))
    log_p = jax.nn.log_softmax(roll(params, None, xs)[1])
    expected = -np.take_along_axis(np.asarray(log_p), window[1:, :, None], -1).mean()
    assert task.evaluate(params) == pytest.approx(expected / np.log(2), rel=1e-5)


@pytest.mark.parametrize(("stretch", "anew"), [(1, True), (10**9, False)])
def test_readers_start_anew_as_writing_and_evaluation_do(
    stretch, anew, task, monkeypatch
):
    monkeypatch.setattr("recur.tasks.text.STRETCH", stretch)
    params, batch = task.init(jax.random.key(0)), task.batch(2)
    first = task.init_carry()
    later = jax.tree.map(lambda a: a + 0.5, first)
    loss = interpreted(task.loss)
    from_first, from_later = (
        loss(params, carry, batch, jax.random.key(1))[0] for carry in (first, later)
    )
    assert np.allclose(from_first, from_later) == anew
