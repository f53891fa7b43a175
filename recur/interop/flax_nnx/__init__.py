"""Weights from and to Flax NNX: ``LSTMCell``, ``GRUCell``, ``SimpleCell``.

NNX fuses the gates as we do, on the same axes; ``nnx.LSTMCell`` alone has one layer for
each. Its GRU has no bias inside the reset product. An LSTM's carry is ``(c, h)`` there:
``carry[::-1]`` of ours, and ``LSTMCarry(*carry[::-1])`` of theirs.
"""

from recur.interop.flax_nnx.convert import from_nnx, to_nnx

__all__ = ["from_nnx", "to_nnx"]
