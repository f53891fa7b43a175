"""The weights of an RG-LRU, by the names of Hugging Face's RecurrentGemma."""

from collections.abc import Mapping

import jax.numpy as jnp

from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.linear_rnn.rg_lru import RGLRU, RGLRUParams
from recur.types import Array

GATES = ("recurrent_gate_weight", "input_gate_weight")
BIASES = ("recurrent_gate_bias", "input_gate_bias")
UNIT = Layout(
    "an RG-LRU", ("recurrent_param", *GATES, *BIASES), marks=("recurrent_param",)
)


def read_unit(where: str, weights: Mapping[str, Weight]) -> tuple[RGLRU, RGLRUParams]:
    """Makes an RG-LRU of its weights."""
    w = take_weights(where, weights, unit_shapes(where, weights))
    params = unit_params(w)
    size, heads = len(params.retention), len(params.w_gates)
    return RGLRU(size, heads=heads, dtype=params.b.dtype), params


def unit_shapes(
    where: str, weights: Mapping[str, Weight], inner: str = ""
) -> dict[str, tuple[int, ...]]:
    """The shape of each weight; a block of a gate multiplies rows from the right."""
    name = inner + GATES[0]
    check_rank(where, name, weights[name], 3)
    heads, size, _ = weights[name].shape
    shapes: dict[str, tuple[int, ...]] = {f"{inner}recurrent_param": (heads * size,)}
    shapes |= {inner + name: (heads, size, size) for name in GATES}
    return shapes | {inner + name: (heads, size) for name in BIASES}


def unit_params(w: Mapping[str, Array], inner: str = "") -> RGLRUParams:
    """Joins the gates as ``r, i``."""
    return RGLRUParams(
        w_gates=jnp.concatenate([w[inner + name] for name in GATES], axis=-1),
        b=jnp.concatenate([w[inner + name].reshape(-1) for name in BIASES]),
        retention=-w[f"{inner}recurrent_param"],
    )


def unit_weights(
    w_gates: Array, b: Array, retention: Array, inner: str = ""
) -> dict[str, Array]:
    """Undoes :func:`unit_params`."""
    named = {f"{inner}recurrent_param": -retention}
    gates = zip(GATES, jnp.split(w_gates, 2, axis=-1), strict=True)
    biases = zip(BIASES, b.reshape(2, len(w_gates), -1), strict=True)
    return named | {inner + name: a for name, a in (*gates, *biases)}
