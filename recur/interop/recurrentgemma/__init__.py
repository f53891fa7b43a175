r"""Weights from and to RecurrentGemma: Griffin's recurrent block, and its RG-LRU.

Names are those of Hugging Face's files, such as
``model.layers.0.temporal_block.linear_x.weight``. Nothing is rounded.

RecurrentGemma does not scale the first step of a sequence by the root: of a carry of
zeros it makes :math:`i \odot c_1`. Here that step is like all others.
"""

from recur.interop.recurrentgemma.convert import (
    from_recurrentgemma,
    to_recurrentgemma,
)

__all__ = ["from_recurrentgemma", "to_recurrentgemma"]
