"""Weights from and to Keras 3: ``LSTM``, ``GRU``, ``SimpleRNN`` and ``Bidirectional``.

Keras has its GRU's gates as ``z, r, h``, resets after or before the product as we do,
and has two biases in the former. What is read are the variables of layers on any
backend; what is made are NumPy arrays for ``set_weights``. Keras takes and gives
``[B, T, ...]``: roll with ``unroll(..., time_major=False)``. Its states are ``[h, c]``:
``list(carry)`` of ours, and ``LSTMCarry(*states)`` of theirs.
"""

from recur.interop.keras.convert import from_keras, to_keras

__all__ = ["from_keras", "to_keras"]
