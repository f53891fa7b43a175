"""Padding and packing: each sequence gets what it gets alone, value and gradient."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import recur
from recur.data import Packed, Padded, pack, pad
from tests.support.draw import assert_close
from tests.support.interpreter import interpreted

CELL = recur.GRU(4)
PARAMS = jax.tree.map(lambda a: 2 * a, CELL.init(jax.random.key(0), 3))
LENGTHS = [4, 1, 7, 3, 0, 2]
SEQUENCES = [np.sin(np.arange(3.0 * n) + n).reshape(n, 3) for n in LENGTHS]
SEQUENCES = [a.astype(np.float32) for a in SEQUENCES]


def alone(params):
    """The outputs of each sequence, by a roll of its own."""
    carry = CELL.init_carry()
    return [recur.static_unroll(CELL, params, carry, a)[1] for a in SEQUENCES]


def loss(outputs):
    return sum(jnp.sum(jnp.sin(y)) for y in outputs)


@cache
def expected():
    """The outputs of each alone, and the gradient of their loss."""
    slope = jax.grad(lambda params: loss(alone(params)))
    return interpreted(lambda params: (alone(params), slope(params)))(PARAMS)


@pytest.mark.parametrize("time_major", [True, False])
def test_what_is_packed_is_rolled_as_if_alone(time_major):
    packed = pack(SEQUENCES, length=7, time_major=time_major)
    assert isinstance(packed, Packed)
    assert packed.mask.shape == ((7, 3) if time_major else (3, 7))
    options = {"mask": packed.mask, "reset": packed.reset, "time_major": time_major}

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def rolled(params):
        carry = CELL.init_carry((3,))
        ys = recur.unroll(CELL, params, carry, packed.values, **options)[1]
        return jnp.sum(jnp.where(packed.mask[..., None], jnp.sin(ys), 0)), ys

    grads, ys = rolled(PARAMS)
    outputs, slope = expected()
    for ours, theirs in zip(packed.unpack(ys), outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert_close(grads, slope)


def test_what_is_padded_is_rolled_as_if_alone():
    padded = pad(SEQUENCES)
    assert isinstance(padded, Padded)
    np.testing.assert_array_equal(padded.seq_lengths, LENGTHS)
    options = {"seq_lengths": padded.seq_lengths}
    carry = CELL.init_carry((len(LENGTHS),))
    ys = recur.unroll(CELL, PARAMS, carry, padded.values, **options)[1]
    for n, theirs in enumerate(expected()[0]):
        np.testing.assert_allclose(ys[: LENGTHS[n], n], theirs, atol=1e-6)
    longer = pad(SEQUENCES, length=9, time_major=False)
    np.testing.assert_array_equal(longer.values[:, :7], padded.values.swapaxes(0, 1))
    assert longer.values.shape == (6, 9, 3)
    assert not longer.values[:, 7:].any()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_nothing_is_lost_or_laid_over_another(lengths):
    sequences = [
        {"x": np.full((n, 2), k + 1.0), "y": np.full(n, k + 1)}
        for k, n in enumerate(lengths)
    ]
    packed = pack(sequences, length=9)
    assert packed.mask.sum() == sum(lengths)
    assert packed.reset.sum() == sum(n > 0 for n in lengths)
    np.testing.assert_array_equal(packed.values["y"] > 0, packed.mask)
    for ours, given_ in zip(packed.unpack(packed.values), sequences, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, given_)
    # No two rows would fit into one.
    assert packed.mask.shape[1] <= max(1, 2 * sum(lengths) / 9 + 1)


def test_bad_input():
    with pytest.raises(ValueError, match=r"sequences\[2\] has 7 steps; expected at"):
        pack(SEQUENCES, length=5)
    with pytest.raises(ValueError, match=r"sequences\[2\] has 7 steps; .*length=7"):
        pad(SEQUENCES, length=5)
    with pytest.raises(ValueError, match="sequences are empty"):
        pad([])
    with pytest.raises(ValueError, match=r"sequences\[1\] has float32\[3, 2\]; exp"):
        pad([np.ones((3, 3), np.float32), np.ones((3, 2), np.float32)])
    with pytest.raises(ValueError, match=r"sequences\[1\] has int64\[3\]; expected"):
        pack([np.ones(3), np.ones(3, np.int64)], length=4)
    with pytest.raises(ValueError, match="as many steps as its other arrays, 3"):
        pad([(np.ones(3), np.ones(2))])
    with pytest.raises(ValueError, match=r"number by itself; .*np\.asarray\(sequence"):
        pad([[1, 2], [3]])
    with pytest.raises(TypeError, match=r"sequences\[0\] is str 'ab'"):
        pad(["ab"])
    with pytest.raises(TypeError, match="expected a list of arrays"):
        pad(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"ys are float32\[2, 7\]; expected \[7, 3\]"):
        pack(SEQUENCES, length=7).unpack(jnp.ones((2, 7)))
