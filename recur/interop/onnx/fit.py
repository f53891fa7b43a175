"""Whether a cell and its params fit into ONNX, said before anything is written."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur.cells.elman import Elman
from recur.cells.gru import GRU
from recur.cells.lstm import LSTM
from recur.compose.bidirectional import Bidirectional, BidirectionalParams
from recur.compose.readout import Readout, ReadoutParams
from recur.compose.stack import Stack
from recur.interop.onnx.cells import OnnxGRU, OnnxLSTM
from recur.interop.onnx.reversed import Reversed
from recur.regularize.zoneout import Zoneout
from recur.types import PyTree

DTYPES = ("float32", "bfloat16", "float16", "float64")
LEAVES = (LSTM, GRU, Elman, OnnxLSTM, OnnxGRU)
PARTS = (*LEAVES, Stack, Readout)
STEPS, LAYERS = (*PARTS, Zoneout), (*PARTS, Bidirectional, Reversed)


def check_fits(
    where: str, cell: Any, params: PyTree, known: tuple[type, ...]
) -> np.dtype:
    """Refuses what cannot be written; gives the dtype of the weights.

    Example:
      >>> check_fits("doc", Elman(5), Elman(5).init(jax.random.key(0), 3), LEAVES)
      dtype('float32')
    """
    _check(where, cell, params, known)
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(params)}
    names = sorted(dtype.name for dtype in dtypes)
    if len(dtypes) > 1 or names[0] not in DTYPES:
        raise ValueError(
            f"{where}: params are {', '.join(names)}; expected one dtype of "
            f"{', '.join(DTYPES)}. Cast them with jax.tree.map."
        )
    dtype = dtypes.pop()
    _check_compute_dtype(where, cell, dtype)
    return dtype


def _check(where: str, cell: Any, params: PyTree, known: tuple[type, ...]) -> None:
    # Not isinstance: a class made from one of these may step in another way.
    if type(cell) not in known:
        hint = "Of another wrapper, export the cell inside."
        if type(cell) is Zoneout:
            hint = (
                "Zoneout mixes the old state in where nothing is drawn: export its "
                "step with step_to_onnx or, without the mixing, the cell inside."
            )
        raise TypeError(
            f"{where}: cell is {checks.describe(cell)}; expected one of "
            f"{', '.join(k.__name__ for k in known)}, or a composition of them. {hint}"
        )
    if isinstance(cell, Stack):
        checks.check_count(where, "params", params, len(cell.cells), "Stack.init")
        for inner, p in zip(cell.cells, params, strict=True):
            _check(where, inner, p, known)
    elif isinstance(cell, Bidirectional):
        checks.check_type(where, "params", params, BidirectionalParams, "init")
        _check(where, cell.forward, params.forward, known)
        _check(where, cell.backward, params.backward, known)
    elif isinstance(cell, Readout):
        checks.check_type(where, "params", params, ReadoutParams, "Readout.init")
        _check(where, cell.cell, params.cell, known)
        checks.check_shape(
            where, "params.w", params.w, (cell.cell.output_size, cell.output_size)
        )
        checks.check_shape(where, "params.b", params.b, (cell.output_size,))
    elif isinstance(cell, Reversed):
        _check(where, cell.cell, params, known)
    elif isinstance(cell, Zoneout):
        _check(where, cell.cell, params, LEAVES)
    else:
        _check_leaf(where, cell, params)


def _check_leaf(where: str, cell: Any, params: Any) -> None:
    """Compares with what ``cell.init`` would make."""
    input_size = jnp.shape(getattr(params, "w_ih", np.ones(1)))[0]
    like = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))
    name = type(cell).__name__
    checks.check_type(where, "params", params, type(like), f"{name}.init")
    for field, expected in like._asdict().items():
        value = getattr(params, field)
        if expected is not None:
            checks.check_shape(where, f"params.{field}", value, expected.shape)
        elif value is not None:
            raise ValueError(
                f"{where}: params.{field} is {checks.describe(value)} beside {cell}; "
                "expected None. Export with the cell that the params are for."
            )


def _check_compute_dtype(where: str, cell: Any, dtype: np.dtype) -> None:
    for name in ("cells", "cell", "forward", "backward"):
        inner = getattr(cell, name, ())
        for each in inner if isinstance(inner, tuple) else (inner,):
            _check_compute_dtype(where, each, dtype)
    compute_dtype = getattr(cell, "compute_dtype", None)
    if compute_dtype not in (None, dtype):
        raise ValueError(
            f"{where}: compute_dtype is {compute_dtype} beside weights in {dtype}; "
            "expected the same, as ONNX computes in the dtype of the weights. Cast the "
            "params, or export without compute_dtype."
        )
