"""Cells whose carry is affine in itself, so that time can be computed in parallel."""

from recur.linear_rnn.ema import EMA, EMAParams
from recur.linear_rnn.min_gru import MinGRU, MinGRUParams

__all__ = ["EMA", "EMAParams", "MinGRU", "MinGRUParams"]
