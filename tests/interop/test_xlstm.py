"""The mLSTM of xLSTM 7B: as transformers computes it."""

from functools import partial

import numpy as np
import pytest

from recur.interop.xlstm import from_xlstm, to_xlstm
from recur.linear_rnn import MLSTM, MLSTMLayer
from tests.interop.agreement import random_params
from tests.interop.released import assert_agrees, live, part, recorded

read = partial(from_xlstm, cap=2.0)


def test_outputs_and_gradients_are_those_recorded():
    assert_agrees(read, recorded("xlstm"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cap", "sizes"),
    [
        (15.0, {"hidden_size": 12, "heads": 3}),
        (1.0, {"hidden_size": 4, "heads": 1, "keys": 0.75, "values": 1.5}),
    ],
)
def test_outputs_and_gradients_are_those_of_a_live_layer(cap, sizes):
    assert_agrees(partial(from_xlstm, cap=cap), live("xlstm", cap=cap, **sizes))


def test_sizes_are_read_and_the_cap_is_told():
    weights = part(recorded("xlstm"), "w/")
    sizes = {"heads": 2, "key_features": 4, "value_features": 8}
    assert from_xlstm(weights)[0] == MLSTMLayer(8, **sizes)
    assert from_xlstm(weights, cap=2.0)[0].cap == 2.0
    with pytest.raises(ValueError, match="cap is int 0; expected a finite number"):
        from_xlstm(weights, cap=0)


def changed(name, shape, dtype=np.float32):
    return part(recorded("xlstm"), "w/") | {name: np.ones(shape, dtype)}


@pytest.mark.parametrize(
    ("source", "kind", "match"),
    [
        (changed("q.weight", (4,)), ValueError, "q.weight .* 2 axes"),
        (changed("q.weight", (5, 8)), ValueError, "q.weight is of size 5 and igate"),
        (changed("igate_preact.bias", (3,)), ValueError, "expected a multiple"),
        (changed("k.weight", (6, 8)), ValueError, r"k.weight .*\(4, 8\)"),
        (changed("v.weight", (8, 8), np.uint8), TypeError, "v.weight is uint8"),
        (changed("q.bias", (4,)), ValueError, "also has q.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused(source, kind, match):
    with pytest.raises(kind, match=match):
        from_xlstm(source)


def test_cells_of_other_kinds_and_sizes_are_refused():
    with pytest.raises(TypeError, match="a MLSTM; expected MLSTMLayer"):
        to_xlstm(MLSTM(4), random_params(MLSTM(4), 4))  # pyright: ignore
    cell = MLSTMLayer(4, heads=2)
    with pytest.raises(TypeError, match="expected MLSTMLayerParams"):
        to_xlstm(cell, random_params(MLSTM(4), 4))  # pyright: ignore
    with pytest.raises(ValueError, match=r"w_ih is float32\[3, 12\].*\(4, 12\)"):
        to_xlstm(cell, random_params(cell, 3))
