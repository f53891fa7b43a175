"""Reads and writes the time mixing of RWKV-4 and RWKV-7."""

from typing import Any

from recur._arguments import check_bools
from recur._checks import describe
from recur.interop._released.source import (
    check_cell,
    check_params,
    read_layer,
    write_layer,
)
from recur.interop.rwkv.four import FOUR, four_weights, read_four
from recur.interop.rwkv.seven import (
    SEVEN,
    SEVEN_FIRST,
    read_seven,
    seven_weights,
)
from recur.linear_rnn.rwkv4 import RWKV4, RWKV4Params
from recur.linear_rnn.rwkv7 import RWKV7, RWKV7Params


def from_rwkv(
    source: Any, *, prefix: str | None = None, first_layer: bool = False
) -> tuple[RWKV4 | RWKV7, RWKV4Params | RWKV7Params]:
    r"""Makes a cell and its params of a time mixing of RWKV-4 or RWKV-7.

    .. math::
        W_r = W_{receptance}^\top, \quad W_k = W_{key}^\top, \quad
            W_v = W_{value}^\top, \quad W_{ho} = W_{output}^\top

    The names tell which of the two it is; pairs of low rank, vectors and mixes are as
    in the file. A layer of RWKV-7 after the first also mixes in the values of the
    first, which are no input of a cell: it is refused.

    Args:
      source: The path of a ``.safetensors`` file, a mapping of names to arrays or
        tensors, or a torch module.
      prefix: What stands before the names of the layer, such as ``"blocks.0.att"``; by
        default, the only place there is.
      first_layer: Whether an RWKV-7 is the first of its model, whose program uses
        none of ``v0, v1, v2``: they are left out if they are there.

    Returns:
      ``(cell, params)`` in the dtype of the weights: an ``RWKV4`` or an ``RWKV7``.

    Raises:
      ImportError: If ``source`` is a file and safetensors is not installed.
      TypeError: If ``source`` is something else, or its weights are no such numbers.
      ValueError: If there is not one such layer, its shapes do not fit together, or it
        is one after the first.

    Example:
      >>> cell = RWKV4(4)
      >>> theirs = to_rwkv(cell, cell.init(jax.random.key(0), input_size=4))
      >>> from_rwkv(theirs)[0] == cell
      True

    References:
      Peng et al., `RWKV: reinventing RNNs for the transformer era
      <https://arxiv.org/abs/2305.13048>`_, 2023; `RWKV-7 "Goose" with expressive
      dynamic state evolution <https://arxiv.org/abs/2503.14456>`_, 2025.
    """
    where = "from_rwkv"
    check_bools(where, first_layer=first_layer)
    seven = SEVEN_FIRST if first_layer else SEVEN
    layout, weights = read_layer(where, source, prefix, (*FOUR.values(), seven))
    return (read_seven if layout is seven else read_four)(where, weights)


def to_rwkv(
    cell: RWKV4 | RWKV7,
    params: RWKV4Params | RWKV7Params,
    *,
    prefix: str = "",
    names: str = "rwkv",
) -> dict[str, Any]:
    """Makes the weights of a time mixing of RWKV-4 or RWKV-7 by name.

    Args:
      cell: An ``RWKV4`` or ``RWKV7`` whose input is as wide as its output.
      params: Params of ``cell``.
      prefix: Put before every name, such as ``"blocks.0.att"``.
      names: Whose names: ``"rwkv"``, the makers', or ``"transformers"``, which has
        others for the mixes of RWKV-4 and no RWKV-7.

    Returns:
      NumPy arrays by name, in the dtype of the params, for
      ``safetensors.numpy.save_file``.

    Raises:
      TypeError: If ``cell`` is of another kind, or ``params`` are not of it.
      ValueError: If ``params`` do not fit ``cell``, or nobody has such ``names``.

    Example:
      >>> cell = RWKV4(4)
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> to_rwkv(cell, params, prefix="blocks.0.att")["blocks.0.att.time_mix_k"].shape
      (1, 1, 4)
    """
    where = "to_rwkv"
    check_cell(where, cell, (RWKV4, RWKV7))
    check_params(where, cell, params)
    known = tuple(FOUR) if isinstance(cell, RWKV4) else ("rwkv",)
    if names not in known:
        raise ValueError(
            f"{where}: names is {describe(names)}; expected "
            f"{' or '.join(map(repr, known))}, who name the weights of such a cell."
        )
    if isinstance(params, RWKV4Params):
        return write_layer(where, prefix, four_weights(params, names))
    assert isinstance(cell, RWKV7)
    return write_layer(where, prefix, seven_weights(cell, params))


__all__ = ["from_rwkv", "to_rwkv"]
