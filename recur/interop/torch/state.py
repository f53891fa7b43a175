"""The entries of a torch ``state_dict``: their names, shapes and prefix."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp

from recur.interop._shared.gates import TwoBiases, split_biases
from recur.interop._shared.weights import Weight, check_rank, check_weights, check_zero
from recur.types import Array

NAME = re.compile(
    r"(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)(?:_l([0-9]{1,6})(_reverse)?)?"
)
"""Of an entry: which weight, which layer and direction. Cells have no layer."""

MADE = re.compile(
    rf"((?:.*\.)?)(?:parametrizations\.(?:{NAME.pattern})\..*|(?:{NAME.pattern})_(?!reverse$)[a-z]+)"
)
"""Of an entry that a weight is made of: under which module."""


def find_prefix(where: str, names: Iterable[str], prefix: str | None) -> str:
    """Finds what stands before the names of one recurrent module, such as ``lstm.``.

    Example:
      >>> find_prefix("doc", ["net.lstm.weight_ih_l0", "net.out.weight"], None)
      'net.lstm.'
    """
    ends = ("weight_ih_l0", "weight_ih")
    found = {name.removesuffix(e) for name in names for e in ends if name.endswith(e)}
    found = {start for start in found if not start or start.endswith(".")}
    return the_only(where, found, prefix)


def the_only(where: str, found: Iterable[str], prefix: str | None) -> str:
    """Chooses of the places of recurrent modules the one asked for, or the only one.

    Example:
      >>> the_only("doc", {"encoder.lstm.", "decoder.lstm."}, "encoder.lstm")
      'encoder.lstm.'
    """
    found = sorted(found)
    if prefix is not None:
        prefix = str(prefix)
        prefix = prefix if prefix.endswith(".") or not prefix else f"{prefix}."
    fit = [start for start in found if prefix in (None, start)]
    if len(fit) != 1:
        asked = "" if prefix is None else f", {len(fit)} with the prefix {prefix!r}"
        names = ", ".join(map(repr, found[:6])) or "none"
        raise ValueError(
            f"{where}: there are {len(found)} recurrent modules ({names}){asked}; "
            "expected one. Name it with prefix=, as in prefix='encoder.lstm'."
        )
    return fit[0]


def names_under(where: str, names: Iterable[str], prefix: str) -> list[str]:
    """Lists the names of one module, and refuses what no recurrent module has.

    Example:
      >>> names_under("doc", ["lstm.weight_ih_l0", "out.bias"], "lstm.")
      ['weight_ih_l0']
    """
    names = list(names)
    own = [n.removeprefix(prefix) for n in names if n.startswith(prefix)]
    own = [n for n in own if prefix or "." not in n]
    strange = [prefix + n for n in own if not NAME.fullmatch(n)]
    strange += [
        n for n in names if (m := MADE.fullmatch(n)) and prefix.startswith(m[1])
    ]
    if strange:
        raise ValueError(
            f"{where}: {strange[0]} is no weight of torch.nn.RNN, LSTM or GRU; "
            "expected names such as weight_ih_l0. If the weights are made of others "
            "(parametrised, normalised, pruned, dropped), remove that first or pass "
            "the module."
        )
    return own


def check_no_checkpoint(where: str, source: Mapping[Any, Any]) -> None:
    """Refuses a dictionary that holds the state dict beside other things."""
    for key, inside in source.items():
        if isinstance(inside, Mapping) and any(
            isinstance(name, str) and NAME.fullmatch(name.rpartition(".")[2])
            for name in inside
        ):
            raise ValueError(
                f"{where}: source[{key!r}] is itself a dictionary of weights; expected "
                f"the state_dict alone. Pass source[{key!r}]."
            )


def suffixes(where: str, names: Iterable[str]) -> list[list[str]]:
    """Lists the suffixes of each layer, one a direction.

    Example:
      >>> suffixes("doc", ["weight_ih_l0", "weight_ih_l0_reverse"])
      [['_l0', '_l0_reverse']]
    """
    parts = [m.groups() for n in names if (m := NAME.fullmatch(n))]
    layers = {number for _, number, _ in parts}
    if layers == {None}:
        return [[""]]
    if layers != set(map(str, range(len(layers)))):
        raise ValueError(
            f"{where}: the layers of the weights are {sorted(map(str, layers))[:6]}; "
            "expected all from 0 up. Pass those of one whole model."
        )
    ways = ["", "_reverse"] if any(reverse for *_, reverse in parts) else [""]
    return [[f"_l{n}{way}" for way in ways] for n in range(len(layers))]


def check_layers(
    where: str, arrays: Mapping[str, Weight], layers: list[list[str]]
) -> int:
    """Refuses weights that are not of one module, and returns its number of gates."""
    first = layers[0][0]
    for name in (f"weight_ih{first}", f"weight_hh{first}"):
        if name not in arrays:
            raise ValueError(
                f"{where}: {name} is missing; expected it. Pass one whole model."
            )
        check_rank(where, name, arrays[name], 2)
    projection = arrays.get(f"weight_hr{first}")
    if projection is not None:
        check_rank(where, f"weight_hr{first}", projection, 2)
    fused, output_size = arrays[f"weight_hh{first}"].shape
    hidden_size = output_size if projection is None else projection.shape[1]
    bias = any(name.startswith("bias") for name in arrays)
    sizes = arrays[f"weight_ih{first}"].shape[1], hidden_size, fused // hidden_size
    kinds = (4,) if projection is not None else (1, 3, 4)
    if fused % hidden_size or sizes[-1] not in kinds:
        raise ValueError(
            f"{where}: weight_hh{first} has {fused} rows for a hidden size of "
            f"{hidden_size}; expected 1, 3 or 4 times as many (RNN, GRU, LSTM)."
        )
    shapes = layer_shapes(layers, *sizes, output_size if projection is not None else 0)
    if not bias:
        shapes = {n: s for n, s in shapes.items() if not n.startswith("bias")}
    check_weights(where, arrays, shapes)
    return sizes[-1]


def module_names(module: Any) -> list[str]:
    """Lists the weights of a module, from its options.

    Parametrised weights (``torch.nn.utils.parametrizations``) are attributes under
    these names, but entries of the ``state_dict`` under others.
    """
    stems = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * bool(module.bias)
    stems += ["weight_hr"] * bool(getattr(module, "proj_size", 0))
    if not hasattr(module, "num_layers"):
        return stems
    ways = ["", "_reverse"] if module.bidirectional else [""]
    layers = range(module.num_layers)
    return [f"{s}_l{n}{way}" for n in layers for way in ways for s in stems]


def layer_shapes(
    layers: list[list[str]],
    input_size: int,
    hidden_size: int,
    gates: int,
    projection_size: int,
) -> dict[str, tuple[int, ...]]:
    """The shape of every entry.

    Example:
      >>> layer_shapes([["_l0"]], 3, 5, 4, 0)["weight_ih_l0"]
      (20, 3)
    """
    shapes: dict[str, tuple[int, ...]] = {}
    fused, output_size = gates * hidden_size, projection_size or hidden_size
    for ways in layers:
        for way in ways:
            shapes[f"weight_ih{way}"] = (fused, input_size)
            shapes[f"weight_hh{way}"] = (fused, output_size)
            shapes[f"bias_ih{way}"] = shapes[f"bias_hh{way}"] = (fused,)
            if projection_size:
                shapes[f"weight_hr{way}"] = (projection_size, hidden_size)
        input_size = len(ways) * output_size
    return shapes


def two_biases(arrays: Mapping[str, Array], way: str) -> TwoBiases:
    """Takes the weights of one layer and direction; biases that lack are zero.

    Example:
      >>> state = {"weight_ih_l0": jnp.ones((20, 3)), "weight_hh_l0": jnp.ones((20, 5))}
      >>> two_biases(state, "_l0").b_ih.shape
      (20,)
    """
    w_ih, w_hh = arrays[f"weight_ih{way}"].T, arrays[f"weight_hh{way}"].T
    zeros = jnp.zeros_like(w_ih[0])
    b_ih, b_hh = (arrays.get(f"bias_{side}{way}", zeros) for side in ("ih", "hh"))
    w_hr = arrays.get(f"weight_hr{way}")
    return TwoBiases(w_ih, w_hh, b_ih, b_hh, None if w_hr is None else w_hr.T)


def entries(params: Any, *, bias: bool) -> dict[str, Array]:
    """Names the weights of one layer and direction, without the suffix.

    Example:
      >>> list(entries(LSTM(5).init(jax.random.key(0), 3), bias=True))
      ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh']
    """
    w_ih, w_hh, b_ih, b_hh, w_hr = split_biases(params)
    named = {"weight_ih": w_ih.T, "weight_hh": w_hh.T}
    biases = {"bias_ih": b_ih, "bias_hh": b_hh}
    if bias:
        named |= biases
    else:
        for name, b in biases.items():
            check_zero("to_torch", name, b, "Make the module with bias=True.")
    return named if w_hr is None else named | {"weight_hr": w_hr.T}
