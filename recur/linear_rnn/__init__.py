"""Cells whose carry is affine in itself, so that time can be computed in parallel."""

from recur._roll.linear.rank_one import RankOne
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.complex_hgrn import ComplexHGRN, ComplexHGRNParams
from recur.linear_rnn.complex_pair import Complex
from recur.linear_rnn.delta_net import DeltaNet, DeltaNetCarry, DeltaNetParams
from recur.linear_rnn.ema import EMA, EMAParams
from recur.linear_rnn.gated_delta_net import GatedDeltaNet, GatedDeltaNetParams
from recur.linear_rnn.gla import GLA, GLAParams
from recur.linear_rnn.griffin import GriffinBlock, GriffinCarry, GriffinParams
from recur.linear_rnn.hgrn import HGRN, HGRNParams
from recur.linear_rnn.hgrn2 import HGRN2, HGRN2Params
from recur.linear_rnn.linear_attention import LinearAttention, LinearAttentionParams
from recur.linear_rnn.lmu import LMU, LMUCarry, LMUParams
from recur.linear_rnn.lru import LRU, LRUParams
from recur.linear_rnn.mamba import Mamba, MambaCarry, MambaParams
from recur.linear_rnn.mamba2 import Mamba2, Mamba2Carry, Mamba2Params
from recur.linear_rnn.matrix import MatrixCell
from recur.linear_rnn.memory import MemoryCell
from recur.linear_rnn.min_gru import MinGRU, MinGRUParams
from recur.linear_rnn.min_lstm import MinLSTM, MinLSTMParams
from recur.linear_rnn.mlstm_layer import MLSTMLayer, MLSTMLayerParams
from recur.linear_rnn.qrnn import QRNN, QRNNCarry, QRNNParams
from recur.linear_rnn.retention import Retention, RetentionCarry, RetentionParams
from recur.linear_rnn.rg_lru import RGLRU, RGLRUParams
from recur.linear_rnn.rwkv4 import RWKV4, RWKV4Carry, RWKV4Params
from recur.linear_rnn.rwkv6 import RWKV6, RWKV6Carry, RWKV6Params
from recur.linear_rnn.rwkv7 import RWKV7, RWKV7Carry, RWKV7Params
from recur.linear_rnn.s4d import S4D, S4DParams
from recur.linear_rnn.s5 import S5, S5Params
from recur.linear_rnn.sru import SRU, SRUParams
from recur.linear_rnn.typed import (
    TGRU,
    TLSTM,
    TRNN,
    TGRUCarry,
    TGRUParams,
    TLSTMCarry,
    TLSTMParams,
    TRNNParams,
)
from recur.linear_rnn.xlstm import MLSTM, MLSTMCarry, MLSTMParams

__all__ = [
    "EMA",
    "GLA",
    "HGRN",
    "HGRN2",
    "LMU",
    "LRU",
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
    "Complex",
    "ComplexHGRN",
    "ComplexHGRNParams",
    "DeltaNet",
    "DeltaNetCarry",
    "DeltaNetParams",
    "EMAParams",
    "GLAParams",
    "GatedDeltaNet",
    "GatedDeltaNetParams",
    "GriffinBlock",
    "GriffinCarry",
    "GriffinParams",
    "HGRN2Params",
    "HGRNParams",
    "LMUCarry",
    "LMUParams",
    "LRUParams",
    "LinearAttention",
    "LinearAttentionParams",
    "LinearCell",
    "MLSTMCarry",
    "MLSTMLayer",
    "MLSTMLayerParams",
    "MLSTMParams",
    "Mamba",
    "Mamba2",
    "Mamba2Carry",
    "Mamba2Params",
    "MambaCarry",
    "MambaParams",
    "MatrixCell",
    "MemoryCell",
    "MinGRU",
    "MinGRUParams",
    "MinLSTM",
    "MinLSTMParams",
    "QRNNCarry",
    "QRNNParams",
    "RGLRUParams",
    "RWKV4Carry",
    "RWKV4Params",
    "RWKV6Carry",
    "RWKV6Params",
    "RWKV7Carry",
    "RWKV7Params",
    "RankOne",
    "Retention",
    "RetentionCarry",
    "RetentionParams",
    "S4DParams",
    "S5Params",
    "SRUParams",
    "TGRUCarry",
    "TGRUParams",
    "TLSTMCarry",
    "TLSTMParams",
    "TRNNParams",
]
