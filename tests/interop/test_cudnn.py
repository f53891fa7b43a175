"""The flat weights of cuDNN against the reference that JAX keeps beside them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import rnn

from recur import GRU, LSTM, Bidirectional, Stack
from recur.interop.cudnn import (
    carry_from_cudnn,
    carry_to_cudnn,
    from_cudnn,
    to_cudnn,
)
from tests.interop.agreement import (
    assert_close,
    assert_same,
    loss_of,
    random_params,
    roll,
    sequence,
)
from tests.support.draw import quickly

SIZES = [(2, 3, 3, False), (3, 2, 2, True)]
NAMES = ("input_size", "hidden_size", "num_layers", "bidirectional")


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_carries_and_gradients_are_those_of_the_reference(sizes):
    named = dict(zip(NAMES, sizes, strict=True))
    _, hidden_size, num_layers, bidirectional = sizes
    weights = 2 * rnn.init_lstm_weight(jax.random.key(0), *sizes)
    xs = jnp.asarray(sequence(2, 6, sizes[0]))
    shape = (num_layers * (1 + bidirectional), 2, hidden_size)
    h, c = (jnp.asarray(sequence(*shape, seed=n)) for n in (1, 2))

    def theirs(weights, xs, h, c):
        parts = rnn.unpack_lstm_weights(weights, *sizes)
        lengths = jnp.full(2, 6, jnp.int32)
        outputs = rnn.lstm_ref(xs, h, c, *parts, lengths, *sizes[:3], 0.0, sizes[3])
        return loss_of(outputs), outputs

    def ours(weights, xs, h, c):
        cell, params = from_cudnn(weights, **named)
        carry = carry_from_cudnn(cell, h, c)
        ys, last = roll((cell, params), xs.swapaxes(0, 1), carry)
        outputs = ys.swapaxes(0, 1), *carry_to_cudnn(cell, last)
        return loss_of(outputs), outputs

    each = [quickly(jax.grad(f, (0, 1, 2, 3), has_aux=True)) for f in (ours, theirs)]
    with jax.numpy_rank_promotion("allow"):
        assert_close(*(f(weights, xs, h, c) for f in each))


@pytest.mark.parametrize(
    "cell", [LSTM(3), Stack((Bidirectional(LSTM(3)), Bidirectional(LSTM(3))))]
)
def test_round_trips_are_exact(cell):
    params = random_params(cell, 2)
    layers = len(getattr(cell, "cells", (cell,)))
    sizes = dict(zip(NAMES, (2, 3, layers, layers > 1), strict=True))
    flat = to_cudnn(cell, params)
    assert flat.shape == (rnn.get_num_params_in_lstm(**sizes),)
    back_cell, back = from_cudnn(flat, **sizes)
    assert back_cell == cell
    assert_same(back, params)
    assert_same(to_cudnn(back_cell, back), flat)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hidden_size": 4}, ValueError, r"expected the shape \(144,\)"),
        ({"num_layers": 0}, ValueError, "num_layers is 0"),
        ({"input_size": 2.0}, TypeError, "input_size is float"),
        ({"weights": [1.0]}, TypeError, "a list"),
        ({"weights": np.ones((96, 1), np.float32)}, ValueError, "weights is float32"),
    ],
)
def test_bad_weights_are_refused(changes, error, message):
    sizes = {"weights": sequence(96), "input_size": 3, "hidden_size": 3} | changes
    with pytest.raises(error, match=message):
        from_cudnn(sizes.pop("weights"), **sizes)


@pytest.mark.parametrize("cell", [GRU(3), LSTM(3, projection_size=2)])
def test_what_cudnn_lacks_here_is_refused(cell):
    with pytest.raises((TypeError, ValueError), match="to_cudnn: cell"):
        to_cudnn(cell, random_params(cell, 2))
