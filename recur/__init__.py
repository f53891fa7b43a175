"""Recurrent networks as pure functions: ``step(params, carry, x) -> (carry, y)``.

Cells are in :mod:`recur.cells`, cells made of cells in :mod:`recur.compose`, what keeps
them from learning by heart in :mod:`recur.regularize`, first weights in
:mod:`recur.initializers`; :func:`recur.unroll` rolls any of them over time.
"""

from recur._app import interrupt  # isort: split

# `python -m recur` imports this file first, and for a second or two: from here on
# Ctrl-C ends the command in a sentence. Any other program keeps its own handler.
if interrupt.is_command():
    interrupt.install()

from importlib.metadata import version  # isort: split

from recur import initializers
from recur._distribution import NAME
from recur._roll.explain import explain
from recur._roll.loss import unroll_loss
from recur._roll.named import emit_named
from recur._roll.per_step import PerStep
from recur._roll.pooling import last_output, max_output, mean_output
from recur._roll.reference import static_unroll
from recur._roll.steps import emit_carry
from recur._roll.stream import stream
from recur._roll.unroll import unroll
from recur.cells.elman import Elman, ElmanParams
from recur.cells.functions.elman import elman_init, elman_init_carry, elman_step
from recur.cells.functions.gru import (
    gru_flip_update,
    gru_init,
    gru_init_carry,
    gru_step,
)
from recur.cells.functions.lstm import lstm_init, lstm_init_carry, lstm_step
from recur.cells.gru import GRU, GRUParams
from recur.cells.layer_norm_gru import (
    LayerNormGRU,
    LayerNormGRUParams,
)
from recur.cells.layer_norm_lstm import (
    LayerNormLSTM,
    LayerNormLSTMParams,
)
from recur.cells.lstm import LSTM, LSTMCarry, LSTMParams
from recur.compose.bidirectional import (
    Bidirectional,
    BidirectionalCarry,
    BidirectionalParams,
)
from recur.compose.highway import Highway, HighwayParams
from recur.compose.learned_carry import LearnedCarry, LearnedCarryParams
from recur.compose.masks import draw_masks
from recur.compose.plain import plain
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.residual import Residual
from recur.compose.residual_block import ResidualBlock, ResidualBlockParams
from recur.compose.stack import Stack
from recur.linear_rnn.complex_hgrn import ComplexHGRN
from recur.linear_rnn.delta_net import DeltaNet
from recur.linear_rnn.ema import EMA
from recur.linear_rnn.gated_delta_net import GatedDeltaNet
from recur.linear_rnn.gla import GLA
from recur.linear_rnn.griffin import GriffinBlock
from recur.linear_rnn.hgrn import HGRN
from recur.linear_rnn.hgrn2 import HGRN2
from recur.linear_rnn.linear_attention import LinearAttention
from recur.linear_rnn.lmu import LMU
from recur.linear_rnn.lru import LRU
from recur.linear_rnn.mamba import Mamba
from recur.linear_rnn.mamba2 import Mamba2
from recur.linear_rnn.min_gru import MinGRU
from recur.linear_rnn.min_lstm import MinLSTM
from recur.linear_rnn.mlstm_layer import MLSTMLayer
from recur.linear_rnn.qrnn import QRNN
from recur.linear_rnn.retention import Retention
from recur.linear_rnn.rg_lru import RGLRU
from recur.linear_rnn.rwkv4 import RWKV4
from recur.linear_rnn.rwkv6 import RWKV6
from recur.linear_rnn.rwkv7 import RWKV7
from recur.linear_rnn.s4d import S4D
from recur.linear_rnn.s5 import S5
from recur.linear_rnn.sru import SRU
from recur.linear_rnn.typed import TGRU, TLSTM, TRNN
from recur.linear_rnn.xlstm import MLSTM
from recur.regularize.clip import ClipCell, ClipGradient
from recur.regularize.drop_connect import DropConnect
from recur.regularize.dropout import Dropout
from recur.regularize.recurrent_dropout import RecurrentDropout
from recur.regularize.variational import VariationalDropout
from recur.regularize.zoneout import Zoneout
from recur.types import Cell, Layer, Step

__version__ = version(NAME)

__all__ = [
    "EMA",
    "GLA",
    "GRU",
    "HGRN",
    "HGRN2",
    "LMU",
    "LRU",
    "LSTM",
    "MLSTM",
    "QRNN",
    "RGLRU",
    "RWKV4",
    "RWKV6",
    "RWKV7",
    "S4D",
    "S5",
    "SRU",
    "TGRU",
    "TLSTM",
    "TRNN",
    "Bidirectional",
    "BidirectionalCarry",
    "BidirectionalParams",
    "Cell",
    "ClipCell",
    "ClipGradient",
    "ComplexHGRN",
    "DeltaNet",
    "DropConnect",
    "Dropout",
    "Elman",
    "ElmanParams",
    "GRUParams",
    "GatedDeltaNet",
    "GriffinBlock",
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
    "LinearAttention",
    "MLSTMLayer",
    "Mamba",
    "Mamba2",
    "MinGRU",
    "MinLSTM",
    "PerStep",
    "Readout",
    "ReadoutParams",
    "RecurrentDropout",
    "Residual",
    "ResidualBlock",
    "ResidualBlockParams",
    "Retention",
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
    "explain",
    "gru_flip_update",
    "gru_init",
    "gru_init_carry",
    "gru_step",
    "initializers",
    "last_output",
    "lstm_init",
    "lstm_init_carry",
    "lstm_step",
    "max_output",
    "mean_output",
    "plain",
    "static_unroll",
    "stream",
    "unroll",
    "unroll_loss",
]
