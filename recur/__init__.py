"""Recurrent networks as pure functions: ``step(params, carry, x) -> (carry, y)``.

Cells are in :mod:`recur.cells`, the roll over time in :mod:`recur.roll`, cells made of
cells in :mod:`recur.compose`, first weights in :mod:`recur.initializers`.
"""

from recur import interrupt  # isort: split

# `python -m recur` imports this file first, and for a second or two: from here on
# Ctrl-C ends the command in a sentence. Any other program keeps its own handler.
if interrupt.is_command():
    interrupt.install()

from importlib.metadata import version  # isort: split

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
from recur.cells.layer_norm_gru import (
    LayerNormGRU,
    LayerNormGRUParams,
    layer_norm_gru_init,
    layer_norm_gru_init_carry,
    layer_norm_gru_step,
)
from recur.cells.layer_norm_lstm import (
    LayerNormLSTM,
    LayerNormLSTMParams,
    layer_norm_lstm_init,
    layer_norm_lstm_init_carry,
    layer_norm_lstm_step,
)
from recur.cells.lstm import (
    LSTM,
    LSTMCarry,
    LSTMParams,
    lstm_init,
    lstm_init_carry,
    lstm_step,
)
from recur.compose.bidirectional import (
    Bidirectional,
    BidirectionalCarry,
    BidirectionalParams,
)
from recur.compose.clip import ClipCell, ClipGradient
from recur.compose.drop_connect import DropConnect
from recur.compose.dropout import Dropout
from recur.compose.learned_carry import LearnedCarry, LearnedCarryParams
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.recurrent_dropout import RecurrentDropout
from recur.compose.regulariser import plain
from recur.compose.skip import Highway, HighwayParams, Residual
from recur.compose.stack import Stack
from recur.compose.variational import VariationalDropout
from recur.compose.wrapper import draw_masks
from recur.compose.zoneout import Zoneout
from recur.loss import unroll_loss
from recur.named import emit_named
from recur.outputs import last_output
from recur.roll import unroll
from recur.series import Series
from recur.static_roll import static_unroll
from recur.steps import emit_carry
from recur.streaming import stream
from recur.types import Cell, Layer, Step

__version__ = version("recur")

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "BidirectionalCarry",
    "BidirectionalParams",
    "Cell",
    "ClipCell",
    "ClipGradient",
    "DropConnect",
    "Dropout",
    "Elman",
    "ElmanParams",
    "GRUParams",
    "Highway",
    "HighwayParams",
    "LSTMCarry",
    "LSTMParams",
    "Layer",
    "LayerNormGRU",
    "LayerNormGRUParams",
    "LayerNormLSTM",
    "LayerNormLSTMParams",
    "LearnedCarry",
    "LearnedCarryParams",
    "Readout",
    "ReadoutParams",
    "RecurrentDropout",
    "Residual",
    "Series",
    "Stack",
    "Step",
    "VariationalDropout",
    "Zoneout",
    "draw_masks",
    "elman_init",
    "elman_init_carry",
    "elman_step",
    "emit_carry",
    "emit_named",
    "gru_flip_update",
    "gru_init",
    "gru_init_carry",
    "gru_step",
    "initializers",
    "last_output",
    "layer_norm_gru_init",
    "layer_norm_gru_init_carry",
    "layer_norm_gru_step",
    "layer_norm_lstm_init",
    "layer_norm_lstm_init_carry",
    "layer_norm_lstm_step",
    "lstm_init",
    "lstm_init_carry",
    "lstm_step",
    "plain",
    "static_unroll",
    "stream",
    "unroll",
    "unroll_loss",
]
