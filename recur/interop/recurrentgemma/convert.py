"""Reads and writes the recurrent layers of RecurrentGemma."""

from typing import Any

from recur.interop._released.source import (
    check_cell,
    check_params,
    read_layer,
    write_layer,
)
from recur.interop.recurrentgemma.block import BLOCK, block_weights, read_block
from recur.interop.recurrentgemma.unit import UNIT, read_unit, unit_weights
from recur.linear_rnn.griffin import GriffinBlock, GriffinParams
from recur.linear_rnn.rg_lru import RGLRU, RGLRUParams


def from_recurrentgemma(
    source: Any, *, prefix: str | None = None
) -> tuple[GriffinBlock | RGLRU, GriffinParams | RGLRUParams]:
    r"""Makes a cell and its params of a recurrent block of RecurrentGemma.

    .. math::
        \Lambda = -p, \qquad W_g = W_y^\top, \quad W_u = W_x^\top, \quad
            W_o = W_{out}^\top

    with :math:`p` the ``recurrent_param``.

    Args:
      source: The path of a ``.safetensors`` file, a mapping of names to arrays or
        tensors, or a torch module.
      prefix: What stands before the names of the layer, such as
        ``"model.layers.0.temporal_block"``; by default, the only place there is.

    Returns:
      ``(cell, params)`` in the dtype of the weights: a ``GriffinBlock``, or an
      ``RGLRU`` where the names are those of an RG-LRU alone.

    Raises:
      ImportError: If ``source`` is a file and safetensors is not installed.
      TypeError: If ``source`` is something else, or its weights are no such numbers.
      ValueError: If there is not one such layer, or its shapes do not fit together.

    Example:
      >>> cell = RGLRU(4, heads=2)
      >>> theirs = to_recurrentgemma(cell, cell.init(jax.random.key(0), 4), prefix="a")
      >>> from_recurrentgemma(theirs)[0] == cell
      True

    References:
      De, Smith et al., `Griffin: mixing gated linear recurrences with local attention
      for efficient language models <https://arxiv.org/abs/2402.19427>`_, 2024.
    """
    where = "from_recurrentgemma"
    layout, weights = read_layer(where, source, prefix, (BLOCK, UNIT))
    return (read_block if layout is BLOCK else read_unit)(where, weights)


def to_recurrentgemma(
    cell: GriffinBlock | RGLRU,
    params: GriffinParams | RGLRUParams,
    *,
    prefix: str = "",
) -> dict[str, Any]:
    """Makes the weights of a recurrent block of RecurrentGemma by name.

    Args:
      cell: A ``GriffinBlock`` whose input is as wide as its output, or an ``RGLRU``.
      params: Params of ``cell``.
      prefix: Put before every name, such as ``"model.layers.0.temporal_block"``.

    Returns:
      NumPy arrays by name, in the dtype of the params, for
      ``safetensors.numpy.save_file``.

    Raises:
      TypeError: If ``cell`` is of another kind, or ``params`` are not of it.
      ValueError: If ``params`` do not fit ``cell``.

    Example:
      >>> cell = GriffinBlock(4, heads=2)
      >>> theirs = to_recurrentgemma(cell, cell.init(jax.random.key(0), 4))
      >>> theirs["conv_1d.weight"].shape, theirs["rg_lru.recurrent_param"].shape
      ((4, 1, 4), (4,))
    """
    where = "to_recurrentgemma"
    check_cell(where, cell, (GriffinBlock, RGLRU))
    check_params(where, cell, params)
    unit = isinstance(params, RGLRUParams)
    weights = unit_weights(*params) if unit else block_weights(params)
    return write_layer(where, prefix, weights)


__all__ = ["from_recurrentgemma", "to_recurrentgemma"]
