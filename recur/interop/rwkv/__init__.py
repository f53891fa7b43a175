"""Weights from and to RWKV-4 and RWKV-7: the time mixing of their layers.

Names are those of the makers' files, such as ``blocks.0.att.receptance.weight``; of
RWKV-4 also those of Hugging Face's, such as
``rwkv.blocks.0.attention.time_mix_key``. Nothing is rounded.
"""

from recur.interop.rwkv.convert import from_rwkv, to_rwkv

__all__ = ["from_rwkv", "to_rwkv"]
