"""The weights of Mamba's mixer by name."""

from collections.abc import Mapping
from typing import Any

from recur._checks import describe
from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.linear_rnn.mamba import Mamba, MambaParams
from recur.types import Array

MATRICES = ("in_proj.weight", "x_proj.weight", "dt_proj.weight", "out_proj.weight")
VECTORS = ("conv1d.bias", "dt_proj.bias", "A_log", "D")
WITH_BIAS: dict[str, str] = dict.fromkeys(
    ("in_proj.bias", "out_proj.bias"),
    "expected no bias there, for which the cell has no place, as in all models with "
    "use_bias=False.",
)
ONE = Layout(
    "Mamba's mixer",
    (*MATRICES, "conv1d.weight", *VECTORS),
    marks=("x_proj.weight", "dt_proj.weight"),
    refused=WITH_BIAS,
)


def read_one(where: str, weights: Mapping[str, Weight]) -> tuple[Mamba, MambaParams]:
    """Makes a Mamba of its weights."""
    w = take_weights(where, weights, _shapes(where, weights))
    w_ih, w_select, w_dt, w_ho = (w[name].T for name in MATRICES)
    b_conv, b_dt, log_decay, d = (w[name] for name in VECTORS)
    w_conv = w["conv1d.weight"][:, 0].T
    params = MambaParams(w_ih, w_conv, b_conv, w_select, w_dt, b_dt, log_decay, d, w_ho)
    (wide, size), (rank, _) = w_ho.shape, w_dt.shape
    sizes: Any = {"state_size": log_decay.shape[1], "width": len(w_conv), "rank": rank}
    return Mamba(size, expand=wide // size, **sizes, dtype=w_ih.dtype), params


def _shapes(where: str, weights: Mapping[str, Weight]) -> dict[str, tuple[int, ...]]:
    ranks = {"out_proj.weight": 2, "dt_proj.weight": 2, "A_log": 2, "conv1d.weight": 3}
    for name, rank in ranks.items():
        check_rank(where, name, weights[name], rank)
    size, wide = weights["out_proj.weight"].shape
    check_expands(where, weights["out_proj.weight"])
    rank, states = weights["dt_proj.weight"].shape[1], weights["A_log"].shape[1]
    return {
        "in_proj.weight": (2 * wide, size),
        "x_proj.weight": (rank + 2 * states, wide),
        "dt_proj.weight": (wide, rank),
        "out_proj.weight": (size, wide),
        "conv1d.weight": (wide, 1, weights["conv1d.weight"].shape[-1]),
        **dict.fromkeys(("conv1d.bias", "dt_proj.bias", "D"), (wide,)),
        "A_log": (wide, states),
    }


def check_expands(where: str, out: Weight) -> None:
    """Refuses channels that are no multiple of the size of the layer.

    Example:
      >>> check_expands("doc", np.ones((4, 6), np.float32))
      Traceback (most recent call last):
      ValueError: doc: out_proj.weight is float32[4, 6]; expected a multiple ...
    """
    size, wide = out.shape
    if wide % size:
        raise ValueError(
            f"{where}: out_proj.weight is {describe(out)}; expected a multiple of "
            f"{size} columns, as a cell has whole times as many channels as outputs."
        )


def one_weights(params: MambaParams) -> dict[str, Array]:
    """Undoes :func:`read_one`."""
    p = params
    matrices = (w.T for w in (p.w_ih, p.w_select, p.w_dt, p.w_ho))
    vectors = p.b_conv, p.b_dt, p.log_decay, p.d
    named = zip((*MATRICES, *VECTORS), (*matrices, *vectors), strict=True)
    return {**dict(named), "conv1d.weight": p.w_conv.T[:, None]}
