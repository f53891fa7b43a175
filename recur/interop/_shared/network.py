"""Networks as lists: layers from the bottom up, in each the cells of its directions."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax.numpy as jnp

from recur import _checks as checks
from recur.cells.elman import Elman
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM, LSTMParams
from recur.compose.bidirectional import (
    Bidirectional,
    BidirectionalCarry,
    BidirectionalParams,
)
from recur.compose.plain import plain
from recur.compose.stack import Stack
from recur.interop._shared.gates import Params
from recur.types import Activation, PyTree


def cell_of(params: Params, *, activation: Activation = jnp.tanh) -> Any:
    """Makes the specification that params are for.

    Example:
      >>> cell_of(LSTM(5).init(jax.random.key(0), 3)) == LSTM(5)
      True
    """
    hidden_size, dtype = params.w_hh.shape[0], params.w_ih.dtype
    if isinstance(params, GRUParams):
        return GRU(hidden_size, reset_after=params.b_hn is not None, dtype=dtype)
    if not isinstance(params, LSTMParams):
        return Elman(hidden_size, activation=activation, dtype=dtype)
    if params.w_hr is None:
        return LSTM(hidden_size, dtype=dtype)
    hidden_size, projection_size = params.w_hr.shape
    return LSTM(hidden_size, projection_size=projection_size, dtype=dtype)


def both_ways(forward: Any, backward: Any, merge: str = "concatenate") -> Any:
    """Makes a bidirectional layer of two pairs ``(cell, params)``.

    Example:
      >>> pair = LSTM(5), LSTM(5).init(jax.random.key(0), 3)
      >>> both_ways(pair, pair)[0] == Bidirectional(LSTM(5))
      True
    """
    cell = Bidirectional(forward[0], backward[0], merge)
    return cell, BidirectionalParams(forward[1], backward[1])


def on_top(where: str, pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, PyTree]:
    """Makes one network of pairs ``(cell, params)``: a stack, unless there is one only.

    Example:
      >>> on_top("doc", [(LSTM(5), "params")])
      (LSTM(hidden_size=5, ...), 'params')
    """
    if not pairs:
        raise ValueError(f"{where}: there are no layers; expected one or more.")
    if len(pairs) == 1:
        return pairs[0]
    cells, params = zip(*pairs, strict=True)
    return Stack(cells), params


def layers_of(where: str, cell: Any, params: PyTree) -> list[tuple[Any, Any]]:
    """Takes a stack apart into pairs ``(cell, params)``: the inverse of `on_top`.

    What acts in training only, such as dropout, is left out.

    Example:
      >>> layers_of("doc", Stack((LSTM(5), GRU(3))), ("a", "b"))[1][1]
      'b'
    """
    cell = plain(cell)
    if not isinstance(cell, Stack):
        return [(cell, params)]
    checks.check_count(where, "params", params, len(cell.cells), "Stack.init")
    return list(zip(cell.cells, params, strict=True))


def directions_of(where: str, cell: Any, params: PyTree) -> list[tuple[Any, Any]]:
    """Takes a layer apart into one pair ``(cell, params)`` a direction.

    Example:
      >>> directions_of("doc", LSTM(5), "params")
      [(LSTM(hidden_size=5, ...), 'params')]
    """
    if not isinstance(cell, Bidirectional):
        return [(cell, params)]
    checks.check_type(where, "params", params, BidirectionalParams, "init")
    return [(cell.forward, params.forward), (cell.backward, params.backward)]


def flat_carry(where: str, cell: Any, carry: PyTree) -> list[Any]:
    """Lists the carries of all cells, layer by layer, forward before backward.

    Example:
      >>> cell = Stack((Bidirectional(LSTM(5)), GRU(3)))
      >>> len(flat_carry("doc", cell, cell.init_carry()))
      3
    """
    if isinstance(cell, Stack):
        count = len(cell.cells)
        checks.check_count(where, "carry", carry, count, "Stack.init_carry")
        pairs = zip(cell.cells, carry, strict=True)
        return [leaf for c, s in pairs for leaf in flat_carry(where, c, s)]
    if isinstance(cell, Bidirectional):
        checks.check_type(where, "carry", carry, BidirectionalCarry, "init_carry")
        return [carry.forward, carry.backward]
    return [carry]


def nested_carry(cell: Any, carries: Iterable[Any]) -> PyTree:
    """Gives a list of carries the structure of a cell: undoes :func:`flat_carry`.

    Example:
      >>> nested_carry(Stack((GRU(5), Bidirectional(GRU(3)))), [0, 1, 2])
      (0, BidirectionalCarry(forward=1, backward=2))
    """
    carries = iter(carries)
    if isinstance(cell, Stack):
        return tuple(nested_carry(c, carries) for c in cell.cells)
    if isinstance(cell, Bidirectional):
        return BidirectionalCarry(next(carries), next(carries))
    return next(carries)
