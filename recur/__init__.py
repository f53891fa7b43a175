"""Recurrent networks as pure functions: ``step(params, carry, x) -> (carry, y)``.

Cells are in :mod:`recur.cells`, the roll over time in :mod:`recur.roll`, cells made of
cells in :mod:`recur.compose`, first weights in :mod:`recur.initializers`.
"""

from importlib.metadata import version

from recur import initializers
from recur.cells.elman import (
    Elman,
    ElmanParams,
    elman_init,
    elman_init_carry,
    elman_step,
)
from recur.cells.gru import (
    GRU,
    GRUParams,
    gru_flip_update,
    gru_init,
    gru_init_carry,
    gru_step,
)
from recur.cells.lstm import (
    LSTM,
    LSTMCarry,
    LSTMParams,
    lstm_init,
    lstm_init_carry,
    lstm_step,
)
from recur.compose.learned_carry import LearnedCarry, LearnedCarryParams
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.roll import stream, unroll
from recur.static_roll import static_unroll
from recur.steps import emit_carry
from recur.types import Cell, Step

__version__ = version("recur")

__all__ = [
    "GRU",
    "LSTM",
    "Cell",
    "Elman",
    "ElmanParams",
    "GRUParams",
    "LSTMCarry",
    "LSTMParams",
    "LearnedCarry",
    "LearnedCarryParams",
    "Readout",
    "ReadoutParams",
    "Stack",
    "Step",
    "elman_init",
    "elman_init_carry",
    "elman_step",
    "emit_carry",
    "gru_flip_update",
    "gru_init",
    "gru_init_carry",
    "gru_step",
    "initializers",
    "lstm_init",
    "lstm_init_carry",
    "lstm_step",
    "static_unroll",
    "stream",
    "unroll",
]
