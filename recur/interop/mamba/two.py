"""The weights of Mamba-2's mixer by name."""

import math
from collections.abc import Mapping
from typing import Any

from recur import _checks as checks
from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.interop.mamba.one import WITH_BIAS, check_expands
from recur.linear_rnn.mamba2 import Mamba2, Mamba2Params
from recur.types import Array

VECTORS = ("conv1d.bias", "dt_bias", "A_log", "D", "norm.weight")
TWO = Layout(
    "Mamba-2's mixer",
    ("in_proj.weight", "conv1d.weight", "out_proj.weight", *VECTORS),
    marks=("dt_bias",),
    refused=WITH_BIAS,
)


def read_two(
    where: str, weights: Mapping[str, Weight], groups: int | None
) -> tuple[Mamba2, Mamba2Params]:
    """Makes a Mamba-2 of its weights."""
    shapes = _shapes(where, weights)
    (heads,), (size, wide) = shapes["dt_bias"], shapes["out_proj.weight"]
    shared = (shapes["conv1d.bias"][0] - wide) // 2
    groups = _groups(where, groups, heads, shared)
    w = take_weights(where, weights, shapes)
    w_ih, w_ho = w["in_proj.weight"].T, w["out_proj.weight"].T
    w_conv = w["conv1d.weight"][:, 0].T
    b_conv, b_dt, log_decay, d, gain = (w[name] for name in VECTORS)
    params = Mamba2Params(w_ih, w_conv, b_conv, b_dt, log_decay, d, gain, w_ho)
    sizes: Any = {"heads": heads, "groups": groups, "state_size": shared // groups}
    sizes |= {"expand": wide // size, "width": len(w_conv)}
    return Mamba2(size, **sizes, dtype=w_ih.dtype), params


def _shapes(where: str, weights: Mapping[str, Weight]) -> dict[str, tuple[int, ...]]:
    ranks = {"conv1d.weight": 3, "dt_bias": 1, "out_proj.weight": 2}
    for name, rank in ranks.items():
        check_rank(where, name, weights[name], rank)
    conv, dt, out = (weights[name] for name in ranks)
    _check_sizes(where, conv, dt, out)
    (size, wide), (seen, _, width), (heads,) = out.shape, conv.shape, dt.shape
    return {
        "in_proj.weight": (wide + seen + heads, size),
        "conv1d.weight": (seen, 1, width),
        "conv1d.bias": (seen,),
        "out_proj.weight": (size, wide),
        **dict.fromkeys(("dt_bias", "A_log", "D"), (heads,)),
        "norm.weight": (wide,),
    }


def _check_sizes(where: str, conv: Weight, dt: Weight, out: Weight) -> None:
    check_expands(where, out)
    (size, wide), (seen, *_), (heads,) = out.shape, conv.shape, dt.shape
    if seen <= wide or (seen - wide) % 2:
        raise ValueError(
            f"{where}: conv1d.weight is {checks.describe(conv)}; expected an even "
            f"number of rows more than the {wide} channels of out_proj.weight, for B "
            "and C. Pass those of one whole model."
        )
    if size % heads:
        raise ValueError(
            f"{where}: dt_bias is {checks.describe(dt)}; expected one for each head, "
            f"which divide the {size} outputs of out_proj.weight."
        )


def _groups(where: str, groups: int | None, heads: int, shared: int) -> int:
    if groups is None:
        if math.gcd(heads, shared) == 1:
            return 1
        raise ValueError(
            f"{where}: groups is None; expected how many groups of heads share a B and "
            f"a C, which weights of Mamba-2 do not tell. Pass groups=, which is "
            "n_groups or ngroups in the model's config, in most 1."
        )
    checks.check_size(where, "groups", groups)
    if heads % groups or shared % groups:
        raise ValueError(
            f"{where}: groups is {groups}; expected a divisor of the {heads} heads and "
            f"of the {shared} rows of B. It is n_groups in the model's config."
        )
    return groups


def two_weights(params: Mamba2Params) -> dict[str, Array]:
    """Undoes :func:`read_two`."""
    w_ih, w_conv, *vectors, w_ho = params
    named = {"in_proj.weight": w_ih.T, "conv1d.weight": w_conv.T[:, None]}
    named |= dict(zip(VECTORS, vectors, strict=True))
    return named | {"out_proj.weight": w_ho.T}
