"""A roll in pieces: the numbers of the whole, or a refusal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import recur
from recur.interop.onnx import Reversed
from tests.support.draw import assert_close, random_like

CELL = recur.LearnedCarry(recur.GRU(4))
PARAMS = random_like(0, CELL.init(jax.random.key(0), 3))
XS = random_like(1, jnp.zeros((7, 2, 3)))
MASK = np.arange(14).reshape(7, 2) % 3 != 1


@pytest.mark.quick(1)
@pytest.mark.parametrize("time_major", [True, False])
@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"seq_lengths": jnp.array([4, 0])},
        {"mask": MASK, "reset": ~MASK},
        {"seq_lengths": np.array([7, 5]), "reset": MASK, "reset_carry": jnp.ones(4)},
    ],
)
def test_pieces_give_the_numbers_of_the_whole(flags, time_major):
    turn = lambda a: a if time_major else jnp.swapaxes(a, 0, 1)
    time = {n: turn(a) if n in ("mask", "reset") else a for n, a in flags.items()}
    chunks = [turn(a) for a in (XS[:3], XS[3:3], XS[3:6], XS[6:])]
    pieces = recur.stream(CELL, PARAMS, None, chunks, time_major=time_major, **time)
    *_, (carry, _) = rolled = list(pieces)
    ys = jnp.concatenate([turn(ys) for _, ys in rolled])
    assert_close((carry, ys), recur.unroll(CELL, PARAMS, None, XS, **flags))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (recur.Bidirectional(recur.GRU(4)), "Bidirectional"),
        (
            recur.Stack((recur.GRU(4), recur.Bidirectional(recur.GRU(4)))),
            "Bidirectional",
        ),
        (recur.Readout(recur.Bidirectional(recur.GRU(4)), 2), "Bidirectional"),
        (Reversed(recur.GRU(4)), "Reversed"),
    ],
)
def test_what_needs_the_whole_sequence_is_refused_at_once(layer, name):
    with pytest.raises(ValueError, match=f"{name}, which needs the whole sequence"):
        recur.stream(layer, PARAMS, None, [XS])


def test_flags_that_are_no_flags_of_the_whole_are_refused():
    with pytest.raises(TypeError, match="reverse"):
        recur.stream(CELL, PARAMS, None, [XS], reverse=True)
    with pytest.raises(ValueError, match="mask of the whole sequence"):
        list(recur.stream(CELL, PARAMS, None, [XS, XS], mask=MASK))
    with pytest.raises(ValueError, match="seq_lengths has values from -1"):
        recur.stream(CELL, PARAMS, None, [XS], seq_lengths=[-1, 2])
