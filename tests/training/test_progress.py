"""Metrics are read late, in order, and all of them."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from recur.training import make_train_step, train


class Metric:
    """An array on a device that says what is done to it."""

    def __init__(self, log, number):
        self.log, self.number = log, number

    def copy_to_host_async(self):
        self.log.append(f"start {self.number}")

    def __array__(self, dtype=None, copy=None):
        self.log.append(f"read {self.number}")
        return np.asarray(self.number)


@pytest.mark.parametrize("delay", [0, 1, 2, 9])
def test_a_metric_is_read_when_later_steps_are_in_line(delay):
    log = []

    def step(state, number):
        log.append(f"step {number}")
        return state + number, Metric(log, number)

    seen = []
    for state, metric in train(step, 0, [(i,) for i in range(5)], delay=delay):
        seen.append((state, int(metric)))
        log.append(f"turn {int(metric)}")
    assert [number for _, number in seen] == list(range(5))
    assert seen[-1][0] == sum(range(5))
    for i in range(5):
        assert log.index(f"start {i}") == log.index(f"step {i}") + 1
        newest = min(i + delay, 4)
        assert log.index(f"read {i}") > log.index(f"step {newest}")
        if newest < 4:
            assert log.index(f"turn {i}") < log.index(f"step {newest + 1}")


def test_with_a_step_that_donates():
    init, step = make_train_step(lambda p, c, x: ((p - x) ** 2, c), optax.sgd(0.25))
    batches = [(jnp.float32(x),) for x in (1, 2, 3)]
    losses = [m.loss for _, m in train(step, init(jnp.float32(0)), batches)]
    np.testing.assert_allclose(losses, [1, 1.5**2, 1.75**2])
    assert all(isinstance(loss, np.ndarray) for loss in losses)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="delay is int -1"):
        train(lambda s, x: (s, x), 0, [], delay=-1)
    with pytest.raises(TypeError, match=r"batches has float32\[2\]; expected tuples"):
        list(train(lambda s, x: (s, x), 0, [jnp.ones(2)]))
    assert list(train(lambda s, x: (s, x), 0, [])) == []


@pytest.mark.parametrize("number", [0.5, np.float32(0.5), np.full((), 0.5)], ids=repr)
def test_metrics_may_be_plain_numbers(number):
    step = lambda state, x: (state + x, {"loss": number})
    found = list(train(step, 0.0, [(1.0,), (2.0,)]))
    assert [(s, float(m["loss"])) for s, m in found] == [(3.0, 0.5), (3.0, 0.5)]
