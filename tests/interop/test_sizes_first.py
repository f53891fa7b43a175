"""Shapes are compared before any weight is copied; what holds itself has an end."""

import numpy as np
import pytest

from recur import GRU, LSTM
from recur.interop._shared.weights import own
from recur.interop.cudnn import from_cudnn
from recur.interop.flax_linen import from_linen
from recur.interop.haiku import from_haiku
from recur.interop.torch import carry_from_torch, from_torch

# 64 TiB by its shape, 4 bytes of memory: no copy of it can be made.
VAST = np.broadcast_to(np.float32(1), (2**24, 2**20))
W, B = np.ones((20, 5), np.float32), np.ones(20, np.float32)
BIASES = {"bias_ih_l0": VAST, "bias_hh_l0": B}


@pytest.mark.parametrize(
    "read",
    [
        lambda: from_torch({"weight_ih_l0": VAST, "weight_hh_l0": W}),
        lambda: from_torch({"weight_ih_l0": W, "weight_hh_l0": W} | BIASES),
        lambda: carry_from_torch(GRU(5), VAST[None]),
        lambda: from_haiku({"lstm/linear": {"w": VAST, "b": B}}),
        lambda: from_haiku({"gru": {"w_i": W, "w_h": VAST, "b": B}}),
        lambda: from_haiku({"a/linear": {"w": W, "b": B}, "a/linear_1": {"w": VAST}}),
        lambda: from_linen({"i": {"kernel": VAST, "bias": B}, "h": {"kernel": W}}),
        lambda: from_cudnn(VAST.reshape(-1), input_size=3, hidden_size=5),
        lambda: from_cudnn(B, input_size=3, hidden_size=5, num_layers=10**12),
    ],
)
def test_vast_arrays_are_refused_by_their_shape(read):
    with pytest.raises(ValueError, match=r"expected"):
        read()


@pytest.mark.slow
def test_a_hundred_thousand_missing_layers_are_named_at_once():
    state = {f"weight_ih_l{n}": W for n in range(100_000)} | {"weight_hh_l0": W}
    with pytest.raises(
        ValueError, match=r"missing weight_hh_l1, .*\.\.\.; unknown none"
    ):
        from_torch(state)


@pytest.mark.parametrize("name", ["params", "cell", "forward_rnn"])
def test_dictionaries_that_hold_themselves_are_refused(name):
    params = {}
    params[name] = params
    if name == "forward_rnn":
        params["backward_rnn"] = params
    with pytest.raises(ValueError, match="expected the dense layers"):
        from_linen(params)
    with pytest.raises(ValueError, match="0 modules that can be cores"):
        from_haiku({name: params})


def test_weights_that_fit_have_a_memory_of_their_own():
    w = np.ones((20, 5), np.float32)
    _, params = from_torch({"weight_ih_l0": w, "weight_hh_l0": w})
    taken, w[:] = own(w), 7
    assert float(params.w_ih.max()) == float(taken.max()) == 1
    assert LSTM(5).step(params, LSTM(5).init_carry(), B[:5])[1].shape == (5,)
