"""Flax Linen modules of any cell: for ``nn.RNN``, or as a whole layer.

The params are Flax variables named as the cell names them: ``cell/w_ih``, and in a
stack ``cell/layers_0/w_ih``. ``nn.RNN(Cell(cell))`` and ``RNN(cell)`` hold the same
variables and draw the same numbers from one key, so that one can
take what the other has learned.
"""

from recur.linen.cell import Cell
from recur.linen.layer import RNN

__all__ = ["RNN", "Cell"]
