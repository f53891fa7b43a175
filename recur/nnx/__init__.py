"""Flax NNX modules of any cell: for ``nnx.RNN``, or as a whole layer.

``Cell(cell, ...).params`` is the params of the cell itself with an ``nnx.Param`` in the
place of each array. ``nnx.RNN(Cell(cell, ...))`` and ``RNN(cell, ...)`` hold the same
state and draw the same numbers from one seed, so that one takes what the other learned.
"""

from recur.nnx.cell import Cell
from recur.nnx.layer import RNN, Carry

__all__ = ["RNN", "Carry", "Cell"]
