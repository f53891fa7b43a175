"""The weights of RWKV-7's time mixing, by its makers' names."""

from collections.abc import Mapping

import jax.numpy as jnp

from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.linear_rnn.rwkv7 import RWKV7, RWKV7Params
from recur.types import Array

MIXES = tuple(f"x_{name}" for name in "rwkvag")
MATRICES = {
    "w_r": "receptance.weight",
    "w_k": "key.weight",
    "w_v": "value.weight",
    "w_ho": "output.weight",
}
"""By our names: those that are turned."""

LOW_RANK = {
    "decay_in": "w1",
    "decay_out": "w2",
    "rate_in": "a1",
    "rate_out": "a2",
    "gate_in": "g1",
    "gate_out": "g2",
}
"""Those that multiply rows from the right as they are."""

VECTORS = {"b_decay": "w0", "b_rate": "a0", "erase": "k_k", "write": "k_a"}
NORM = {"gain": "ln_x.weight", "b_norm": "ln_x.bias"}
BONUS = "r_k"
OF_FIRST = ("v0", "v1", "v2")
NAMES = (
    *MIXES,
    BONUS,
    *(name for table in (MATRICES, LOW_RANK, VECTORS, NORM) for name in table.values()),
)
LATER = (
    "expected none: by these, layers after the first mix the values of the first into "
    "their own, which are no input of a cell. Of the first layer, whose program does "
    "not use them, pass first_layer=True."
)
SEVEN = Layout(
    "RWKV-7's time mixing",
    NAMES,
    marks=(BONUS, "k_k"),
    refused=dict.fromkeys(OF_FIRST, LATER),
)
SEVEN_FIRST = Layout(SEVEN.layer, NAMES, marks=SEVEN.marks, unused=OF_FIRST)


def read_seven(where: str, weights: Mapping[str, Weight]) -> tuple[RWKV7, RWKV7Params]:
    """Makes a cell of its weights."""
    w = take_weights(where, weights, _shapes(where, weights))
    params = RWKV7Params(
        mix=jnp.concatenate([w[name].reshape(-1) for name in MIXES]),
        bonus=w[BONUS].reshape(-1),
        **{ours: w[name].T for ours, name in MATRICES.items()},
        **{ours: w[name] for ours, name in (LOW_RANK | NORM).items()},
        **{ours: w[name].reshape(-1) for ours, name in VECTORS.items()},
    )
    names = ("decay", "rate", "gate")
    ranks = {f"{n}_rank": len(getattr(params, f"{n}_out")) for n in names}
    options = {"heads": len(w[BONUS]), **ranks, "dtype": params.mix.dtype}
    return RWKV7(len(params.bonus), **options), params


def _shapes(where: str, weights: Mapping[str, Weight]) -> dict[str, tuple[int, ...]]:
    for name in (BONUS, *LOW_RANK.values()):
        check_rank(where, name, weights[name], 2)
    heads, of_head = weights[BONUS].shape
    size = heads * of_head
    shapes: dict[str, tuple[int, ...]] = {BONUS: (heads, of_head)}
    shapes |= dict.fromkeys((*MIXES, *VECTORS.values()), (1, 1, size))
    shapes |= dict.fromkeys(MATRICES.values(), (size, size))
    shapes |= dict.fromkeys(NORM.values(), (size,))
    for down, up in ("w1", "w2"), ("a1", "a2"), ("g1", "g2"):
        rank = weights[up].shape[0]
        shapes |= {down: (size, rank), up: (rank, size)}
    return shapes


def seven_weights(cell: RWKV7, params: RWKV7Params) -> dict[str, Array]:
    """Undoes :func:`read_seven`."""
    p = params._asdict()
    return {
        **dict(zip(MIXES, params.mix.reshape(6, 1, 1, -1), strict=True)),
        BONUS: params.bonus.reshape(cell.heads, -1),
        **{name: p[ours].T for ours, name in MATRICES.items()},
        **{name: p[ours] for ours, name in (LOW_RANK | NORM).items()},
        **{name: p[ours].reshape(1, 1, -1) for ours, name in VECTORS.items()},
    }
