"""Weights from and to PyTorch: ``torch.nn.RNN``, ``LSTM``, ``GRU`` and their cells.

The gates are in the same order on the other axis; torch's two biases are one here, but
for the GRU's inside the reset product. Dropout between layers is no part of the
weights: what comes is ``module.eval()``. Where a module has ``batch_first=True``, roll
with ``unroll(..., time_major=False)``.
"""

from recur.interop.torch.convert import (
    carry_from_torch,
    carry_to_torch,
    from_torch,
    to_torch,
)

__all__ = ["carry_from_torch", "carry_to_torch", "from_torch", "to_torch"]
