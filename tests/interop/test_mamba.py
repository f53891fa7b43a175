"""Mamba's and Mamba-2's mixers: as transformers computes them."""

from functools import partial

import numpy as np
import pytest

from recur import GRU
from recur.interop.mamba import from_mamba, to_mamba
from recur.linear_rnn import Mamba, Mamba2
from tests.interop.agreement import random_params
from tests.interop.released import assert_agrees, live, part, recorded

READ = {
    "mamba": from_mamba,
    "mamba2": partial(from_mamba, groups=1),
    "mamba2_of_groups": partial(from_mamba, groups=2),
}


@pytest.mark.parametrize("kind", READ)
def test_outputs_and_gradients_are_those_recorded(kind):
    assert_agrees(READ[kind], recorded(kind))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("mamba", {"hidden_size": 5, "state_size": 2, "rank": 3, "width": 4}),
        ("mamba2", {"hidden_size": 8, "heads": 4, "state_size": 5, "width": 4}),
    ],
)
def test_outputs_and_gradients_are_those_of_a_live_layer(kind, sizes):
    assert_agrees(READ[kind], live(kind, **sizes))


def test_sizes_are_read():
    cell, _ = from_mamba(part(recorded("mamba"), "w/"))
    assert cell == Mamba(4, state_size=3, rank=2, width=3)
    cell, _ = from_mamba(part(recorded("mamba2"), "w/"))
    assert cell == Mamba2(4, heads=2, state_size=3, width=3)
    cell, _ = READ["mamba2_of_groups"](part(recorded("mamba2_of_groups"), "w/"))
    assert cell == Mamba2(4, heads=2, groups=2, state_size=3, width=3)


def of_two_states():
    """Weights of which one cannot tell whether a B is of 4 states, or two are of 2."""
    cell = Mamba2(4, heads=2, state_size=4)
    return to_mamba(cell, random_params(cell, 4))


def changed(kind, name, shape, dtype=np.float32):
    return part(recorded(kind), "w/") | {name: np.ones(shape, dtype)}


@pytest.mark.parametrize(
    ("source", "groups", "match"),
    [
        (of_two_states(), None, "groups is None; expected how many.*n_groups"),
        (of_two_states(), 3, "groups is 3; expected a divisor of the 2 heads"),
        (of_two_states(), 0, "positive"),
        (changed("mamba", "D", (8,)), 1, "only Mamba-2 has groups"),
        (changed("mamba", "in_proj.bias", (16,)), None, "in_proj.bias; expected no b"),
        (changed("mamba", "A_log", (8,)), None, "A_log .* 2 axes"),
        (changed("mamba", "A_log", (8, 4)), None, r"x_proj.weight .*\(10, 8\)"),
        (changed("mamba", "out_proj.weight", (5, 8)), None, "a multiple of 5 columns"),
        (changed("mamba", "conv1d.weight", (8, 3)), None, "conv1d.weight .* 3 axes"),
        (changed("mamba2", "dt_bias", (2, 1)), None, "dt_bias .* 1 axes"),
        (changed("mamba2", "dt_bias", (3,)), None, "which divide the 4 outputs"),
        (changed("mamba2", "conv1d.weight", (8, 1, 3)), None, "even number of rows"),
        (changed("mamba2", "conv1d.weight", (13, 1, 3)), None, "even number of rows"),
        (changed("mamba2", "norm.weight", (7,)), 1, r"norm.weight .*\(8,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(source, groups, match):
    with pytest.raises(ValueError, match=match):
        from_mamba(source, groups=groups)


def test_numbers_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"D is int64\[8\]; expected one of float32"):
        from_mamba(changed("mamba", "D", (8,), np.int64))
    with pytest.raises(TypeError, match="groups is str '1'; expected a positive"):
        from_mamba(of_two_states(), groups="1")  # pyright: ignore


def test_cells_of_other_kinds_and_sizes_are_refused():
    with pytest.raises(TypeError, match="a GRU; expected Mamba or Mamba2"):
        to_mamba(GRU(4), random_params(GRU(4), 4))  # pyright: ignore
    with pytest.raises(TypeError, match="expected MambaParams"):
        to_mamba(Mamba(4), random_params(Mamba2(4), 4))
    with pytest.raises(ValueError, match=r"w_ih is float32\[3, 16\].*\(4, 16\)"):
        to_mamba(Mamba(4), random_params(Mamba(4), 3))
