"""Weights from and to Haiku: ``hk.LSTM``, ``hk.GRU`` and ``hk.VanillaRNN``.

Haiku's LSTM has its gates as ``i, g, f, o`` and adds 1 to ``f`` when it runs; its GRU
resets before the product, and its ``z`` writes the new value; its Elman unit is ReLU.
An ``LSTMCarry`` is ``hk.LSTMState(*carry)`` there, and ``LSTMCarry(*state)`` here.
"""

from recur.interop.haiku.convert import from_haiku, to_haiku

__all__ = ["from_haiku", "to_haiku"]
