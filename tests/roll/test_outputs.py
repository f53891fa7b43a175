"""Outputs that are held where steps do not count, and the last one that does."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from tests.support.draw import assert_close, random_like
from tests.support.interpreter import interpreted

MASK = np.array(
    [[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]], bool
)
XS = random_like(0, jnp.zeros((5, 4, 3)))
CELL = recur.GRU(2)
PARAMS = random_like(1, CELL.init(jax.random.key(0), 3))


def held(ys, *, reverse):
    out = [[jnp.zeros(2)] * 4 for _ in range(5)]
    for row in range(4):
        last = jnp.zeros(2)
        for t in reversed(range(5)) if reverse else range(5):
            last = ys[t, row] if MASK[t, row] else last
            out[t][row] = last
    return jnp.stack([jnp.stack(row) for row in out])


def cubed(roll):
    """Values, and the gradient of their cubes."""
    slope = jax.grad(lambda params: jnp.sum(roll(params) ** 3))
    return lambda params: (roll(params), slope(params))


@pytest.mark.quick(1)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("time_major", [True, False])
def test_invalid_outputs_are_held_on_request(reverse, time_major):
    turn = lambda a: a if time_major else jnp.swapaxes(a, 0, 1)

    def ours(params):
        time = {"mask": turn(MASK), "reverse": reverse, "time_major": time_major}
        _, ys = recur.unroll(CELL, params, None, turn(XS), invalid_ys="hold", **time)
        return turn(ys)

    def plain(params):
        _, ys = recur.unroll(CELL, params, None, XS, mask=MASK, reverse=reverse)
        return held(ys, reverse=reverse)

    assert_close(jax.jit(cubed(ours))(PARAMS), interpreted(cubed(plain))(PARAMS))


def test_layers_hold_theirs_too():
    layer = recur.Bidirectional(CELL)
    params = layer.init(jax.random.key(0), 3)
    _, ys = recur.unroll(layer, params, None, XS, seq_lengths=[5, 2, 1, 0])
    _, kept = recur.unroll(
        layer, params, None, XS, seq_lengths=[5, 2, 1, 0], invalid_ys="hold"
    )
    np.testing.assert_array_equal(kept[2:, 1], np.stack([ys[1, 1]] * 3))
    np.testing.assert_array_equal(kept[:, 3], 0)


def test_other_choices_are_refused():
    with pytest.raises(ValueError, match="invalid_ys is 'keep'; expected 'zero' or"):
        recur.unroll(CELL, PARAMS, None, XS, invalid_ys="keep")


@pytest.mark.parametrize("reverse", [False, True])
def test_last_output_is_that_of_the_last_valid_step(reverse):
    def summary(params, time_major=True):
        turn = lambda a: a if time_major else jnp.swapaxes(a, 0, 1)
        time = {"mask": turn(MASK), "reverse": reverse, "time_major": time_major}
        _, ys = recur.unroll(CELL, params, None, turn(XS), **time)
        return recur.last_output(ys, **time)

    def carry(params):
        last, _ = recur.unroll(CELL, params, None, XS, mask=MASK, reverse=reverse)
        return jnp.where(MASK.any(0)[:, None], last, 0.0)

    expected = interpreted(cubed(carry))(PARAMS)
    assert_close(jax.jit(cubed(summary))(PARAMS), expected)
    swapped = interpreted(partial(summary, time_major=False))
    assert_close(swapped(PARAMS), expected[0])


def test_last_output_without_flags_and_with_lengths():
    ys = {"a": jnp.arange(6.0).reshape(3, 2)}
    np.testing.assert_array_equal(recur.last_output(ys)["a"], [4, 5])
    np.testing.assert_array_equal(recur.last_output(ys, reverse=True)["a"], [0, 1])
    rows = recur.last_output(ys, seq_lengths=[1, 0])["a"]
    np.testing.assert_array_equal(rows, [0, 0])
    with pytest.raises(ValueError, match="time axis"):
        recur.last_output(jnp.float32(1))


POOLS = {"mean": (recur.mean_output, np.mean), "max": (recur.max_output, np.max)}


@pytest.mark.parametrize("name", POOLS)
def test_pools_are_those_of_the_valid_steps_alone(name):
    pool, of_numpy = POOLS[name]
    mask = np.array(MASK)
    ys = np.where(
        mask[..., None],
        np.sin(np.arange(mask.size * 2.0)).reshape(*mask.shape, 2),
        np.nan,
    ).astype(np.float32)
    rows = [ys[mask[:, b], b] for b in range(mask.shape[1])]
    expected = [of_numpy(row, 0) if len(row) else np.zeros(2) for row in rows]
    pooled = pool({"y": ys}, mask=mask)["y"]
    np.testing.assert_allclose(pooled, expected, rtol=1e-6)
    turned = pool(np.swapaxes(ys, 0, 1), mask=mask.T, time_major=False)
    np.testing.assert_array_equal(turned, pooled)
    slope = jax.grad(lambda ys, **flags: jnp.sum(jnp.sin(pool(ys, **flags))))
    grads = jax.jit(partial(slope, mask=mask))(ys)
    for b, row in enumerate(rows):
        alone = interpreted(slope)(row)
        np.testing.assert_allclose(grads[mask[:, b], b], alone, rtol=1e-6)
        np.testing.assert_array_equal(grads[~mask[:, b], b], 0)


def test_pools_of_lengths_of_halves_and_of_integers():
    many = jnp.full((3000, 1), 3.0, jnp.float16)
    np.testing.assert_array_equal(recur.mean_output(many), [3])
    counts = jnp.array([[-7, -5], [-9, -1]])
    np.testing.assert_array_equal(
        recur.max_output(counts, seq_lengths=[2, 1]), [-7, -5]
    )
    for pool in (recur.mean_output, recur.max_output):
        np.testing.assert_array_equal(pool(jnp.ones((0, 2, 3))), np.zeros((2, 3)))


def test_both_carries_of_a_bidirectional_layer_joined():
    layer = recur.Bidirectional(recur.LSTM(2), recur.LSTM(3))
    params = layer.init(jax.random.key(0), 3)
    carry, _ = recur.unroll(layer, params, None, XS, mask=MASK)
    both = carry.join()
    np.testing.assert_array_equal(both.h[:, :2], carry.forward.h)
    np.testing.assert_array_equal(both.c[:, 2:], carry.backward.c)
    mixed = recur.Bidirectional(recur.LSTM(2), recur.GRU(3)).init_carry((4,))
    with pytest.raises(TypeError, match="two of one kind"):
        mixed.join()
