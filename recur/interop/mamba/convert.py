"""Reads and writes the mixers of Mamba and Mamba-2."""

from typing import Any

from recur._checks import describe
from recur.interop._released.source import (
    check_cell,
    check_params,
    read_layer,
    write_layer,
)
from recur.interop.mamba.one import ONE, one_weights, read_one
from recur.interop.mamba.two import TWO, read_two, two_weights
from recur.linear_rnn.mamba import Mamba, MambaParams
from recur.linear_rnn.mamba2 import Mamba2, Mamba2Params


def from_mamba(
    source: Any, *, prefix: str | None = None, groups: int | None = None
) -> tuple[Mamba | Mamba2, MambaParams | Mamba2Params]:
    r"""Makes a cell and its params of a mixer of Mamba or Mamba-2.

    .. math::
        W_{ih} = W_{in}^\top, \quad W_s = W_x^\top, \quad W_\Delta = W_{dt}^\top, \quad
            \alpha = A_{log}, \quad W_{ho} = W_{out}^\top

    The names tell which of the two it is. The cell is the mixer, without the norm
    before it and the sum around it.

    Args:
      source: The path of a ``.safetensors`` file, a mapping of names to arrays or
        tensors, or a torch module.
      prefix: What stands before the names of the layer, such as
        ``"backbone.layers.0.mixer"``; by default, the only place there is.
      groups: Of a Mamba-2, how many groups of heads share a ``B`` and a ``C``:
        ``n_groups`` of the model's config, which the weights do not tell.

    Returns:
      ``(cell, params)`` in the dtype of the weights: a ``Mamba`` or a ``Mamba2``.

    Raises:
      ImportError: If ``source`` is a file and safetensors is not installed.
      TypeError: If ``source`` is something else, or its weights are no such numbers.
      ValueError: If there is not one such layer, its shapes do not fit together, or
        ``groups`` is none that they may be of.

    Example:
      >>> cell = Mamba2(8, heads=2, state_size=3)
      >>> theirs = to_mamba(cell, cell.init(jax.random.key(0), input_size=8))
      >>> from_mamba(theirs)[0] == cell
      True

    References:
      Gu and Dao, `Mamba: linear-time sequence modeling with selective state spaces
      <https://arxiv.org/abs/2312.00752>`_, 2023. Dao and Gu, `Transformers are SSMs
      <https://arxiv.org/abs/2405.21060>`_, 2024.
    """
    where = "from_mamba"
    layout, weights = read_layer(where, source, prefix, (ONE, TWO))
    if layout is TWO:
        return read_two(where, weights, groups)
    if groups is not None:
        raise ValueError(
            f"{where}: groups is {describe(groups)} and the weights are of Mamba; "
            "expected None, as only Mamba-2 has groups. Leave it out."
        )
    return read_one(where, weights)


def to_mamba(
    cell: Mamba | Mamba2, params: MambaParams | Mamba2Params, *, prefix: str = ""
) -> dict[str, Any]:
    """Makes the weights of a mixer of Mamba or Mamba-2 by name.

    Args:
      cell: A ``Mamba`` or ``Mamba2`` whose input is as wide as its output.
      params: Params of ``cell``.
      prefix: Put before every name, such as ``"backbone.layers.0.mixer"``.

    Returns:
      NumPy arrays by name, in the dtype of the params, for
      ``safetensors.numpy.save_file``.

    Raises:
      TypeError: If ``cell`` is of another kind, or ``params`` are not of it.
      ValueError: If ``params`` do not fit ``cell``.

    Example:
      >>> cell = Mamba(4, state_size=3)
      >>> theirs = to_mamba(cell, cell.init(jax.random.key(0), input_size=4))
      >>> theirs["A_log"].shape, theirs["conv1d.weight"].shape
      ((8, 3), (8, 1, 4))
    """
    where = "to_mamba"
    check_cell(where, cell, (Mamba, Mamba2))
    check_params(where, cell, params)
    two = isinstance(params, Mamba2Params)
    weights = two_weights(params) if two else one_weights(params)
    return write_layer(where, prefix, weights)


__all__ = ["from_mamba", "to_mamba"]
