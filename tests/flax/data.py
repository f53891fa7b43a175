"""Cells, inputs and flags that the tests of both kinds of Flax module share."""

import jax
import jax.numpy as jnp
import numpy as np

import recur
from tests.cases import UserCell
from tests.support.draw import random_like

ROWS, STEPS, SIZE, KEY = 2, 6, 3, jax.random.key(0)
XS = random_like(1, jnp.zeros((ROWS, STEPS, SIZE)))
LENGTHS = np.array([4, 6])
RESET = jnp.zeros((ROWS, STEPS), bool).at[0, 2].set(True).at[1, 5].set(True)
FAST = {"recurrent_init": recur.initializers.Uniform()}  # No QR to compile.
CELLS = {
    "lstm": recur.LSTM(4, **FAST),
    "stack": recur.Stack((recur.LSTM(4, **FAST), recur.GRU(2, **FAST))),
    "learned-carry": recur.LearnedCarry(recur.GRU(4, **FAST)),
    "readout": recur.Readout(recur.Elman(4, **FAST), 2),
    "user": UserCell(4),
    "deep-bidirectional": recur.Stack(
        (recur.Bidirectional(recur.LSTM(2, **FAST)), recur.Elman(3, **FAST))
    ),
}
ROLLS = {
    "plain": {},
    "lengths": {"seq_lengths": LENGTHS},
    "reset-and-mask": {"reset": RESET, "mask": ~RESET.at[0, 2].set(False)},
    "reverse": {"reverse": True, "seq_lengths": LENGTHS},
    "remat": {"remat": "sqrt", "scan_unroll": 2},
}


def unrolled(cell, params, xs=XS, *, carry=None, **options):
    """``(carry, ys)`` of ``recur.unroll``, batch-major, from the cell's own carry."""
    if carry is None:
        carry = cell.init_carry((len(xs),), params=params)
    if "reset" in options:
        options["reset_carry"] = cell.init_carry((len(xs),), params=params)
    return recur.unroll(cell, params, carry, xs, time_major=False, **options)


def moved(tree, seed=3):
    """The same tree with other numbers, so that no part of it is zero."""
    return random_like(seed, tree)
