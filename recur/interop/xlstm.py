"""Weights from and to xLSTM 7B: the mLSTM of its blocks.

Names are those of Hugging Face's files, such as
``backbone.blocks.0.mlstm_layer.q.weight``. Nothing is rounded.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from recur import _checks as checks
from recur.interop._released.layout import Layout
from recur.interop._released.source import (
    check_cell,
    check_params,
    read_layer,
    write_layer,
)
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.linear_rnn.mlstm_layer import MLSTMLayer, MLSTMLayerParams

FUSED = ("q.weight", "k.weight", "v.weight", "ogate_preact.weight")
GATES = ("igate_preact.weight", "fgate_preact.weight")
BIASES = ("igate_preact.bias", "fgate_preact.bias")
GAIN, OUT = "multihead_norm.weight", "out_proj.weight"
LAYER = Layout(
    "an mLSTM layer of xLSTM", (*FUSED, *GATES, *BIASES, GAIN, OUT), marks=GATES
)


def from_xlstm(
    source: Any, *, prefix: str | None = None, cap: float = 15.0
) -> tuple[MLSTMLayer, MLSTMLayerParams]:
    r"""Makes a cell and its params of the mLSTM of a block of xLSTM 7B.

    .. math::
        W_{ih} = (W_q, W_k, W_v, W_o)^\top, \qquad W_g = (W_i, W_f)^\top, \qquad
            W_{ho} = W_{out}^\top

    The cell is the layer, without the norm before it and the sum around it.

    Args:
      source: The path of a ``.safetensors`` file, a mapping of names to arrays or
        tensors, or a torch module.
      prefix: What stands before the names of the layer, such as
        ``"backbone.blocks.0.mlstm_layer"``; by default, the only place there is.
      cap: What the gates stay within, ``gate_soft_cap`` of the model's config, which
        the weights do not tell.

    Returns:
      ``(cell, params)`` in the dtype of the weights.

    Raises:
      ImportError: If ``source`` is a file and safetensors is not installed.
      TypeError: If ``source`` is something else, or its weights are no such numbers.
      ValueError: If there is not one such layer, its shapes do not fit together, or
        ``cap`` is not above 0.

    Example:
      >>> cell = MLSTMLayer(8, heads=2)
      >>> theirs = to_xlstm(cell, cell.init(jax.random.key(0), input_size=8))
      >>> from_xlstm(theirs)[1].w_ih.shape
      (8, 24)

    References:
      Beck et al., `xLSTM 7B: a recurrent LLM for fast and efficient inference
      <https://arxiv.org/abs/2503.13427>`_, 2025.
    """
    where = "from_xlstm"
    checks.check_positive(where, "cap", cap)
    _, weights = read_layer(where, source, prefix, (LAYER,))
    w = take_weights(where, weights, _shapes(where, weights))
    params = MLSTMLayerParams(
        w_ih=jnp.concatenate([w[name] for name in FUSED]).T,
        w_gates=jnp.concatenate([w[name] for name in GATES]).T,
        b_gates=jnp.concatenate([w[name] for name in BIASES]),
        gain=w[GAIN],
        w_ho=w[OUT].T,
    )
    (keys, _), (size, wide) = w[FUSED[0]].shape, w[OUT].shape
    heads = len(w[BIASES[0]])
    sizes: Any = {"heads": heads, "key_features": keys, "value_features": wide}
    return MLSTMLayer(size, **sizes, cap=cap, dtype=params.gain.dtype), params


def to_xlstm(
    cell: MLSTMLayer, params: MLSTMLayerParams, *, prefix: str = ""
) -> dict[str, Any]:
    """Makes the weights of the mLSTM of a block of xLSTM 7B by name.

    They do not tell ``cap``, which is ``gate_soft_cap`` of the model's config.

    Args:
      cell: An ``MLSTMLayer`` whose input is as wide as its output.
      params: Params of ``cell``.
      prefix: Put before every name, such as ``"backbone.blocks.0.mlstm_layer"``.

    Returns:
      NumPy arrays by name, in the dtype of the params, for
      ``safetensors.numpy.save_file``.

    Raises:
      TypeError: If ``cell`` is of another kind, or ``params`` are not of it.
      ValueError: If ``params`` do not fit ``cell``.

    Example:
      >>> cell = MLSTMLayer(8, heads=2)
      >>> theirs = to_xlstm(cell, cell.init(jax.random.key(0), input_size=8))
      >>> theirs["q.weight"].shape, theirs["igate_preact.bias"].shape
      ((4, 8), (2,))
    """
    where = "to_xlstm"
    check_cell(where, cell, (MLSTMLayer,))
    check_params(where, cell, params)
    keys, wide = cell.key_size(), cell.value_size()
    fused = jnp.split(params.w_ih.T, (keys, 2 * keys, 2 * keys + wide))
    gates, biases = jnp.split(params.w_gates.T, 2), jnp.split(params.b_gates, 2)
    named = zip((*FUSED, *GATES, *BIASES), (*fused, *gates, *biases), strict=True)
    rest = {GAIN: params.gain, OUT: params.w_ho.T}
    return write_layer(where, prefix, dict(named) | rest)


def _shapes(where: str, weights: Mapping[str, Weight]) -> dict[str, tuple[int, ...]]:
    for name, rank in {"q.weight": 2, OUT: 2, BIASES[0]: 1}.items():
        check_rank(where, name, weights[name], rank)
    (keys, _), (size, wide) = weights["q.weight"].shape, weights[OUT].shape
    (heads,) = weights[BIASES[0]].shape
    for name, n in {"q.weight": keys, OUT: wide, f"the output of {OUT}": size}.items():
        if n % heads:
            raise ValueError(
                f"{where}: {name} is of size {n} and {BIASES[0]} of {heads}; expected "
                "a multiple, as each head has an equal share. Pass one whole layer."
            )
    rows = keys, keys, wide, wide, heads, heads
    shapes = {n: (r, size) for n, r in zip((*FUSED, *GATES), rows, strict=True)}
    return {
        **shapes,
        **dict.fromkeys(BIASES, (heads,)),
        GAIN: (wide,),
        OUT: (size, wide),
    }


__all__ = ["from_xlstm", "to_xlstm"]
