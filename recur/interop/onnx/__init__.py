"""ONNX: recurrent nodes to cells and params, and these to models.

``from_onnx`` reads, ``to_onnx`` writes the roll and ``step_to_onnx`` one step.
"""

from recur.interop.onnx.activation import OnnxActivation
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from recur.interop.onnx.read import OnnxLayer, from_onnx
from recur.interop.onnx.reversed import Reversed
from recur.interop.onnx.step import step_to_onnx
from recur.interop.onnx.write import to_onnx

__all__ = [
    "OnnxActivation",
    "OnnxGRU",
    "OnnxLSTM",
    "OnnxLayer",
    "Reversed",
    "from_onnx",
    "step_to_onnx",
    "to_onnx",
]
