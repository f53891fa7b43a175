"""What Haiku's params hold: which modules are cores, and the weights of each."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.cells.functions.gru import gru_flip_update
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.interop._shared.gates import Params, cut, fuse, reorder
from recur.interop._shared.weights import Weight, as_weight, check_rank, take_weights


def find_cores(params: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Finds every module that can be a core, with its dictionaries of weights.

    Example:
      >>> find_cores({"net/lstm/linear": {"w": 1, "b": 2}, "norm": {"scale": 3}})
      {'net/lstm': [{'w': 1, 'b': 2}]}
    """
    cores = {}
    for path, weights in params.items():
        parent = path.removesuffix("/linear")
        if set(weights) == {"w_i", "w_h", "b"}:
            cores[path] = [weights]
        elif path != parent and set(weights) == {"w", "b"}:
            second = params.get(f"{parent}/linear_1")
            cores[parent] = [weights] if second is None else [weights, second]
    return cores


def read_core(where: str, modules: list[Mapping[str, Any]]) -> Params:
    """Makes our params of the weights of one core.

    Example:
      >>> read_core("doc", [{"w": jnp.ones((8, 20)), "b": jnp.zeros(20)}]).w_ih.shape
      (3, 20)
    """
    first, *others = (
        {name: as_weight(where, name, w) for name, w in module.items()}
        for module in modules
    )
    if others:
        return _vanilla_rnn(where, first, others[0])
    return _lstm(where, first) if "w" in first else _gru(where, first)


def _lstm(where: str, weights: dict[str, Weight]) -> LSTMParams:
    check_rank(where, "w", weights["w"], 2)
    rows, fused = weights["w"].shape
    hidden_size = fused // 4
    if fused % 4 or rows <= hidden_size:
        raise ValueError(
            f"{where}: w is {describe(weights['w'])}; expected [I + H, 4H], as hk.LSTM "
            "has it. Name the core, if this is none."
        )
    fit = take_weights(where, weights, {"w": (rows, fused), "b": (fused,)})
    w_ih, w_hh = jnp.split(reorder(fit["w"], "igfo", "ifgo"), [rows - hidden_size])
    b = cut(fit["b"], "igfo")
    return LSTMParams(w_ih, w_hh, fuse(b | {"f": b["f"] + 1}, "ifgo"))


def _gru(where: str, weights: dict[str, Weight]) -> GRUParams:
    for name in ("w_i", "w_h"):
        check_rank(where, name, weights[name], 2)
    input_size, hidden_size = weights["w_i"].shape[0], weights["w_h"].shape[0]
    fused = 3 * hidden_size
    shapes = {"w_i": (input_size, fused), "w_h": (hidden_size, fused), "b": (fused,)}
    fit = take_weights(where, weights, shapes)
    w_ih, w_hh, b = (reorder(fit[name], "zrn", "rzn") for name in shapes)
    return gru_flip_update(GRUParams(w_ih, w_hh, b, None))


def _vanilla_rnn(
    where: str, inputs: dict[str, Weight], hidden: dict[str, Weight]
) -> ElmanParams:
    check_rank(where, "linear/w", inputs["w"], 2)
    input_size, hidden_size = inputs["w"].shape
    arrays = {f"linear/{name}": w for name, w in inputs.items()}
    arrays |= {f"linear_1/{name}": w for name, w in hidden.items()}
    shapes = {"linear/w": (input_size, hidden_size), "linear/b": (hidden_size,)}
    shapes |= {"linear_1/w": (hidden_size, hidden_size)}
    if "b" in hidden:
        shapes["linear_1/b"] = (hidden_size,)
    arrays = take_weights(where, arrays, shapes)
    b = arrays["linear/b"]
    b = b + arrays["linear_1/b"] if "linear_1/b" in arrays else b
    return ElmanParams(arrays["linear/w"], arrays["linear_1/w"], b)
