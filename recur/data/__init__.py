"""Sequences as arrays: padded, packed, in windows; texts as numbers."""

from recur.data.packing import Packed, pack
from recur.data.padding import Padded, pad
from recur.data.windows import windows

__all__ = ["Packed", "Padded", "pack", "pad", "windows"]
