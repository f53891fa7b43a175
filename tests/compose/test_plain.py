"""What acts in training only is taken off, at any depth, and by every writer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur import GRU, LSTM, Bidirectional, Elman, Readout, Stack
from recur.interop.cudnn import carry_to_cudnn, to_cudnn
from recur.interop.equinox import to_equinox
from recur.interop.flax_linen import to_linen
from recur.interop.flax_nnx import to_nnx
from recur.interop.haiku import to_haiku
from recur.interop.keras import to_keras
from recur.interop.onnx import Reversed
from tests.support.draw import assert_close, random_like


def regularised(cell):
    cell = recur.DropConnect(recur.VariationalDropout(cell, 0.2, 0.5), 0.5)
    return recur.Dropout(recur.ClipGradient(recur.RecurrentDropout(cell, 0.1)), 0.5)


def both(make):
    """The composition of regularised cells, and of plain ones."""
    return make(regularised), make(lambda cell: cell)


COMPOSITIONS = {
    "cell": lambda on: on(LSTM(3)),
    "stack": lambda on: Stack((on(GRU(3)), recur.Residual(on(GRU(3))))),
    "tagger": lambda on: Readout(Bidirectional(on(LSTM(3)), on(GRU(2))), 2),
    "block": lambda on: recur.ResidualBlock(on(GRU(4))),
    "learned": lambda on: recur.LearnedCarry(recur.Highway(on(Elman(4)))),
    "zoned": lambda on: recur.Dropout(recur.Zoneout(on(LSTM(3)), 0.2, 0.5), 0.0).cell,
    "reversed": lambda on: Reversed(on(GRU(3))),
    "clipped": lambda on: recur.ClipCell(on(LSTM(3)), 0.3),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_plain_cell_evaluates_the_same(name):
    cell, expected = both(COMPOSITIONS[name])
    plain = recur.plain(cell)
    assert plain == expected
    assert recur.plain(plain) is plain
    params = random_like(0, cell.init(jax.random.key(0), 4))
    assert jax.tree.structure(plain.init(jax.random.key(0), 4)) == jax.tree.structure(
        params
    )
    xs = random_like(1, jnp.zeros((3, 2, 4)))
    # Not through ClipGradient, which no loop can be differentiated forwards of.
    found, want = (recur.unroll(c, params, None, xs) for c in (plain, cell))
    assert_close(found, want)


def test_what_is_no_composition_comes_back():
    step = lambda params, carry, x: (carry, x)
    assert recur.plain(step) is step
    assert recur.plain(recur.Dropout(LSTM(3), 0.5)) == LSTM(3)


WRITERS = {"cudnn": to_cudnn, "linen": to_linen, "nnx": to_nnx, "keras": to_keras}
WRITERS |= {"haiku": to_haiku, "equinox": to_equinox}
MODULES = {"nnx": "flax", "linen": "flax", "haiku": "haiku", "equinox": "equinox"}


@pytest.mark.parametrize("name", WRITERS)
def test_writers_leave_it_out(name):
    pytest.importorskip(MODULES.get(name, "jax"))
    cells = both(lambda on: Stack((on(LSTM(3)), LSTM(3))))
    params = cells[0].init(jax.random.key(0), 3)
    one, other = (leaves(WRITERS[name](cell, params)) for cell in cells)
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def leaves(written):
    if not isinstance(written, tuple):
        written = (written,)
    states = [_state(each) for each in written]
    return [a for a in jax.tree.leaves(states) if hasattr(a, "shape")]


def _state(module):
    if "flax.nnx" in type(module).__module__ or "flax.nnx" in str(type(module).__mro__):
        from flax import nnx

        return nnx.state(module, nnx.Param)
    return module


def test_carries_go_out_as_those_of_the_cell_inside():
    cell = regularised(LSTM(3))
    carry = random_like(0, cell.init_carry((2,)))
    assert_close(carry_to_cudnn(cell, carry), carry_to_cudnn(LSTM(3), carry))
