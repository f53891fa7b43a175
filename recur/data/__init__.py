"""Sequences as arrays: padded, packed, in windows; texts as numbers."""

from recur.data.packing import Packed, pack
from recur.data.padding import Padded, pad
from recur.data.vocabulary import Vocabulary
from recur.data.windows import windows
from recur.data.words import words

__all__ = ["Packed", "Padded", "Vocabulary", "pack", "pad", "windows", "words"]
