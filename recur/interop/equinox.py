"""Weights from and to Equinox: ``equinox.nn.LSTMCell`` and ``GRUCell``.

The gates are in the same order on the other axis. An ``LSTMCarry`` is the pair
``(h, c)`` that an Equinox cell takes, and ``LSTMCarry(*pair)`` one of it. Equinox cells
take one example: map them over rows with ``jax.vmap``.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from recur._arguments import check_bools
from recur._checks import describe
from recur.cells.gru import GRU, GRUParams
from recur.cells.lstm import LSTM, LSTMParams
from recur.interop._shared.capabilities import Holds
from recur.interop._shared.network import cell_of, layers_of, on_top
from recur.interop._shared.optional_imports import loaded, require
from recur.interop._shared.weights import (
    as_weight,
    check_rank,
    check_zero,
    take_weights,
)
from recur.types import Array, PyTree

EQUINOX = Holds("equinox.nn", kinds=(LSTM, GRU))


def from_equinox(cells: Any) -> tuple[Any, PyTree]:
    """Makes a cell and its params of an Equinox cell, or of several on top of another.

    Can be traced, so that gradients reach the Equinox weights.

    Args:
      cells: An ``equinox.nn.LSTMCell`` or ``GRUCell``, or a sequence of these, from the
        bottom up. A cell without bias gets one of zeros.

    Returns:
      ``(cell, params)``, a ``Stack`` if there are several.

    Raises:
      TypeError: If one is something else.
      ValueError: If the weights of one do not fit together.

    Example:
      >>> import equinox as eqx
      >>> theirs = eqx.nn.GRUCell(3, 5, key=jax.random.key(0))
      >>> cell, params = from_equinox(theirs)
      >>> cell.step(params, cell.init_carry(), jnp.ones(3))[1].shape
      (5,)
    """
    several = cells if isinstance(cells, Sequence) else [cells]
    return on_top(
        "from_equinox", [_from_cell("from_equinox", cell) for cell in several]
    )


def to_equinox(cell: Any, params: PyTree, *, use_bias: bool = True) -> Any:
    """Makes the Equinox cell that is the same function.

    Args:
      cell: An ``LSTM`` or ``GRU``, or a ``Stack`` of these.
      params: Params of ``cell``.
      use_bias: Whether it has biases; without, those of ``params`` must be zero.

    Returns:
      An ``equinox.nn.LSTMCell`` or ``GRUCell``, or a tuple of them for a ``Stack``.

    Raises:
      ImportError: If Equinox is not installed.
      TypeError: If ``cell`` is of a kind that Equinox lacks.
      ValueError: If it has options that Equinox lacks.

    Example:
      >>> cell = LSTM(5)
      >>> theirs = to_equinox(cell, cell.init(jax.random.key(0), input_size=3))
      >>> theirs.weight_ih.shape
      (20, 3)
    """
    eqx = require("to_equinox", "equinox", "equinox")
    check_bools("to_equinox", use_bias=use_bias)
    pairs = layers_of("to_equinox", cell, params)
    for one, p in pairs:
        EQUINOX.check("to_equinox", one, p)
    made = [_to_cell(eqx, p, use_bias=use_bias) for _, p in pairs]
    return made[0] if len(made) == 1 else tuple(made)


def _from_cell(where: str, cell: Any) -> tuple[Any, LSTMParams | GRUParams]:
    eqx = loaded("equinox")
    if eqx is None or not isinstance(cell, (eqx.nn.LSTMCell, eqx.nn.GRUCell)):
        raise TypeError(
            f"{where}: cells has {describe(cell)}; expected equinox.nn.LSTMCell or "
            "GRUCell, or a sequence of these. Pass the cells of a model one by one."
        )
    gated = not isinstance(cell, eqx.nn.LSTMCell)
    arrays = _arrays(where, cell, gates=3 if gated else 4)
    w_ih, w_hh = arrays["weight_ih"].T, arrays["weight_hh"].T
    b = arrays.get("bias", jnp.zeros_like(w_ih[0]))
    b_hn = arrays.get("bias_n", jnp.zeros_like(w_hh[:, 0]))
    params = GRUParams(w_ih, w_hh, b, b_hn) if gated else LSTMParams(w_ih, w_hh, b)
    return cell_of(params), params


def _arrays(where: str, cell: Any, *, gates: int) -> dict[str, Array]:
    names = ["weight_ih", "weight_hh"] + ["bias"] * cell.use_bias
    names += ["bias_n"] * (cell.use_bias and gates == 3)
    arrays = {name: as_weight(where, name, getattr(cell, name)) for name in names}
    check_rank(where, "weight_ih", arrays["weight_ih"], 2)
    fused, input_size = arrays["weight_ih"].shape
    shapes = {"weight_ih": (fused, input_size), "weight_hh": (fused, fused // gates)}
    shapes |= {"bias": (fused,), "bias_n": (fused // gates,)}
    return take_weights(where, arrays, {name: shapes[name] for name in names})


def _to_cell(eqx: Any, params: LSTMParams | GRUParams, *, use_bias: bool) -> Any:
    kind = eqx.nn.LSTMCell if isinstance(params, LSTMParams) else eqx.nn.GRUCell
    arrays = {"weight_ih": params.w_ih.T, "weight_hh": params.w_hh.T}
    biases = {"bias": params.b}
    biases |= {"bias_n": params.b_hn} if isinstance(params, GRUParams) else {}
    if use_bias:
        arrays |= biases
    else:
        for name, b in biases.items():
            check_zero("to_equinox", name, b, "Make the cell with use_bias=True.")
    options = {"use_bias": use_bias, "dtype": params.w_ih.dtype}
    sizes = params.w_ih.shape[0], params.w_hh.shape[0]
    empty = eqx.filter_eval_shape(kind, *sizes, **options, key=jax.random.key(0))
    leaves = [jnp.asarray(w) for w in arrays.values()]
    return eqx.tree_at(lambda cell: [getattr(cell, n) for n in arrays], empty, leaves)


__all__ = ["from_equinox", "to_equinox"]
