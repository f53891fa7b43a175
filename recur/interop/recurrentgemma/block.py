"""The weights of Griffin's block, by the names of Hugging Face's RecurrentGemma."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.interop.recurrentgemma.unit import (
    UNIT,
    unit_params,
    unit_shapes,
    unit_weights,
)
from recur.linear_rnn.griffin import GriffinBlock, GriffinParams
from recur.types import Array

INNER = "rg_lru."
PARTS = ("linear_y", "linear_x", "linear_out", "conv_1d")
MATRICES = tuple(f"{part}.weight" for part in PARTS)
VECTORS = tuple(f"{part}.bias" for part in PARTS)
BLOCK = Layout(
    "a recurrent block of RecurrentGemma",
    (*MATRICES, *VECTORS, *(INNER + name for name in UNIT.names)),
    marks=MATRICES,
)


def read_block(
    where: str, weights: Mapping[str, Weight]
) -> tuple[GriffinBlock, GriffinParams]:
    """Makes a Griffin block of its weights."""
    w = take_weights(where, weights, _shapes(where, weights))
    unit = unit_params(w, INNER)
    w_y, w_x, w_out, conv = (w[name] for name in MATRICES)
    b_y, b_x, b_out, b_conv = (w[name] for name in VECTORS)
    params = GriffinParams(
        w_ih=jnp.concatenate([w_y, w_x]).T,
        b=jnp.concatenate([b_y, b_x]),
        w_conv=conv[:, 0].T,
        b_conv=b_conv,
        w_gates=unit.w_gates,
        b_gates=unit.b,
        retention=unit.retention,
        w_ho=w_out.T,
        b_ho=b_out,
    )
    wide, size = params.w_ho.shape
    sizes: Any = {"recurrent_size": wide, "width": len(params.w_conv)}
    heads = len(params.w_gates)
    return GriffinBlock(size, heads=heads, **sizes, dtype=params.b.dtype), params


def _shapes(where: str, weights: Mapping[str, Weight]) -> dict[str, tuple[int, ...]]:
    out, conv = weights["linear_out.weight"], weights["conv_1d.weight"]
    check_rank(where, "linear_out.weight", out, 2)
    check_rank(where, "conv_1d.weight", conv, 3)
    size, wide = out.shape
    shapes = (wide, size), (wide, size), (size, wide), (wide, 1, conv.shape[-1])
    biases = (wide,), (wide,), (size,), (wide,)
    named = zip((*MATRICES, *VECTORS), (*shapes, *biases), strict=True)
    return {**dict(named), **unit_shapes(where, weights, INNER)}


def block_weights(params: GriffinParams) -> dict[str, Array]:
    """Undoes :func:`read_block`."""
    w_y, w_x = jnp.split(params.w_ih.T, 2)
    b_y, b_x = jnp.split(params.b, 2)
    matrices = w_y, w_x, params.w_ho.T, params.w_conv.T[:, None]
    vectors = b_y, b_x, params.b_ho, params.b_conv
    named = zip((*MATRICES, *VECTORS), (*matrices, *vectors), strict=True)
    unit = params.w_gates, params.b_gates, params.retention
    return {**dict(named), **unit_weights(*unit, INNER)}
