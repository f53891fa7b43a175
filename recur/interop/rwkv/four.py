"""The weights of RWKV-4's time mixing, by Hugging Face's names and its makers'."""

from collections.abc import Mapping

import jax.numpy as jnp

from recur.interop._released.layout import Layout
from recur.interop._shared.weights import Weight, check_rank, take_weights
from recur.linear_rnn.rwkv4 import RWKV4, RWKV4Params
from recur.types import Array

MATRICES = ("key.weight", "value.weight", "receptance.weight", "output.weight")
VECTORS = ("time_decay", "time_first")
MIXES = {
    "transformers": ("time_mix_key", "time_mix_value", "time_mix_receptance"),
    "rwkv": ("time_mix_k", "time_mix_v", "time_mix_r"),
}
"""By who names them: the mixes of k, v and r. All other names are the same.

Of these, the channel mixing beside it has all but that of v.
"""

FOUR = {
    names: Layout(
        "RWKV-4's time mixing", (*mixes, *VECTORS, *MATRICES), marks=mixes[1:2]
    )
    for names, mixes in MIXES.items()
}


def read_four(where: str, weights: Mapping[str, Weight]) -> tuple[RWKV4, RWKV4Params]:
    """Makes an RWKV4 of its weights."""
    mixes = next(m for m in MIXES.values() if m[0] in weights)
    check_rank(where, "time_decay", weights["time_decay"], 1)
    (size,) = weights["time_decay"].shape
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(mixes, (1, 1, size))
    shapes |= dict.fromkeys(VECTORS, (size,)) | dict.fromkeys(MATRICES, (size, size))
    w = take_weights(where, weights, shapes)
    w_k, w_v, w_r, w_ho = (w[name].T for name in MATRICES)
    mix = jnp.concatenate([w[name].reshape(-1) for name in mixes])
    decay, bonus = (w[name] for name in VECTORS)
    params = RWKV4Params(mix, w_k, w_v, w_r, decay, bonus, w_ho)
    return RWKV4(size, dtype=mix.dtype), params


def four_weights(params: RWKV4Params, names: str) -> dict[str, Array]:
    """Undoes :func:`read_four`."""
    p = params
    named = zip(MIXES[names], p.mix.reshape(3, 1, 1, -1), strict=True)
    matrices = (w.T for w in (p.w_k, p.w_v, p.w_r, p.w_ho))
    return {
        **dict(named),
        **dict(zip(VECTORS, (p.decay, p.bonus), strict=True)),
        **dict(zip(MATRICES, matrices, strict=True)),
    }
