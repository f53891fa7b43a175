"""Weights from and to Flax Linen: ``LSTMCell``, ``GRUCell``, ``SimpleCell``.

Linen has one dense layer for each gate and side, with kernels on our axes and one bias.
An LSTM's carry is ``(c, h)`` there: ``carry[::-1]`` of ours, and
``LSTMCarry(*carry[::-1])`` of theirs. The weights of ``OptimizedLSTMCell`` are those of
``LSTMCell``. Nothing here imports Flax.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from recur._checks import describe
from recur.cells.elman import ElmanParams
from recur.cells.gru import GRUParams
from recur.cells.lstm import LSTMParams
from recur.compose.bidirectional import Bidirectional
from recur.interop._shared.capabilities import Holds, check_merge
from recur.interop._shared.gates import Params
from recur.interop._shared.network import (
    both_ways,
    cell_of,
    directions_of,
    layers_of,
    on_top,
)
from recur.interop._shared.weights import Weight, as_weight, check_rank, take_weights
from recur.types import Activation, PyTree

LINEN = Holds("flax.linen")
FIELDS: dict[type[Params], dict[str, list[str]]] = {
    LSTMParams: {
        "w_ih": [f"i{gate}.kernel" for gate in "ifgo"],
        "w_hh": [f"h{gate}.kernel" for gate in "ifgo"],
        "b": [f"h{gate}.bias" for gate in "ifgo"],
    },
    GRUParams: {
        "w_ih": [f"i{gate}.kernel" for gate in "rzn"],
        "w_hh": [f"h{gate}.kernel" for gate in "rzn"],
        "b": [f"i{gate}.bias" for gate in "rzn"],
        "b_hn": ["hn.bias"],
    },
    ElmanParams: {"w_ih": ["i.kernel"], "w_hh": ["h.kernel"], "b": ["i.bias"]},
}
"""The dense layers that each field of ours is fused of."""

WRAPS = 4
"""Dictionaries of one entry taken off: one that holds itself has no end."""


def from_linen(
    params: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    activation: Activation = jnp.tanh,
) -> tuple[Any, PyTree]:
    """Makes a cell and its params of the variables of a Linen cell.

    Nothing is rounded. Can be traced, so that gradients reach Linen's params. A cell
    with other functions at its gates than those by default is another cell, which
    weights do not tell; nor do those of ``SimpleCell(residual=True)``, to whose
    ``w_hh`` add the identity.

    Args:
      params: As ``cell.init`` gives them, with or without ``{"params": ...}`` around;
        those of an ``nn.RNN`` or ``nn.Bidirectional`` of cells; or a sequence of any of
        these, from the bottom up.
      activation: ``activation_fn`` of a ``SimpleCell``.

    Returns:
      ``(cell, params)``: a ``Stack`` of a sequence, ``Bidirectional`` of such.

    Raises:
      TypeError: If ``params`` is something else, or has weights that are no numbers.
      ValueError: If these are the weights of no such cell, or do not fit together.

    Example:
      >>> dense = {"kernel": jnp.ones((3, 5)), "bias": jnp.zeros(5)}
      >>> simple = {"i": dense, "h": {"kernel": jnp.ones((5, 5))}}
      >>> cell, params = from_linen({"params": simple})
      >>> cell.step(params, cell.init_carry(), jnp.ones(3))[1].shape
      (5,)
    """
    several = [params] if isinstance(params, Mapping) else params
    if not isinstance(several, Sequence) or isinstance(several, str):
        raise TypeError(
            f"from_linen: params is {describe(params)}; expected a dictionary as "
            "cell.init gives it, or a sequence of these."
        )
    return on_top(
        "from_linen", [_from_layer("from_linen", p, activation) for p in several]
    )


def to_linen(cell: Any, params: PyTree) -> Any:
    """Makes the variables of the Linen cell that is the same function.

    Args:
      cell: An ``LSTM``, ``GRU`` or ``Elman``, a ``Bidirectional`` of one, or a
        ``Stack`` of these.
      params: Params of ``cell``.

    Returns:
      ``{"params": ...}`` for ``cell.apply``, or of a ``Bidirectional`` for
      ``nn.Bidirectional(nn.RNN(cell), nn.RNN(cell))``; a tuple of these for a
      ``Stack``. ``nn.RNN(cell)`` takes ``{"params": {"cell": ...}}``.

    Raises:
      TypeError: If ``cell`` is of a kind that Linen lacks.
      ValueError: If it has options that Linen lacks.

    Example:
      >>> cell = GRU(5)
      >>> theirs = to_linen(cell, cell.init(jax.random.key(0), input_size=3))
      >>> theirs["params"]["hn"]["bias"].shape
      (5,)
    """
    pairs = layers_of("to_linen", cell, params)
    made = tuple({"params": _to_layer("to_linen", c, p)} for c, p in pairs)
    return made[0] if len(made) == 1 else made


def _from_layer(where: str, params: Any, activation: Activation) -> tuple[Any, PyTree]:
    params = _inside(where, params)
    if set(params) != {"forward_rnn", "backward_rnn"}:
        return _from_way(where, params, activation)
    ways = (params["forward_rnn"], params["backward_rnn"])
    forward, backward = (_from_way(where, way, activation) for way in ways)
    return both_ways(forward, backward)


def _from_way(where: str, params: Any, activation: Activation) -> tuple[Any, PyTree]:
    ours = _from_cell(where, _inside(where, params))
    return cell_of(ours, activation=activation), ours


def _inside(where: str, params: Any) -> Mapping[str, Any]:
    for _ in range(WRAPS):
        if isinstance(params, Mapping) and set(params) in ({"params"}, {"cell"}):
            (params,) = params.values()
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{where}: params has {describe(params)}; expected a dictionary of dense "
            "layers, as cell.init gives it."
        )
    return params


def _from_cell(where: str, params: Mapping[str, Any]) -> Params:
    kind = _kind(where, params)
    arrays = {
        f"{layer}.{name}": as_weight(where, f"{layer}.{name}", w)
        for layer, weights in params.items()
        for name, w in _inside(where, weights).items()
    }
    fields, first = FIELDS[kind], FIELDS[kind]["w_ih"][0]
    input_size, hidden_size = _sizes(where, arrays, first)
    rows = {"w_ih": (input_size,), "w_hh": (hidden_size,)}
    shapes = {
        name: (*rows.get(field, ()), hidden_size)
        for field, names in fields.items()
        for name in names
    }
    arrays = take_weights(where, arrays, shapes)
    fused = {
        field: jnp.concatenate([arrays[name] for name in names], axis=-1)
        for field, names in fields.items()
    }
    return kind(**fused)


def _kind(where: str, params: Mapping[str, Any]) -> type[Params]:
    for kind, fields in FIELDS.items():
        names = {name.split(".")[0] for names in fields.values() for name in names}
        if set(params) == names:
            return kind
    raise ValueError(
        f"{where}: params has {', '.join(sorted(map(str, params))[:8]) or 'nothing'}; "
        "expected the dense layers of an LSTMCell, GRUCell or SimpleCell; an MGUCell "
        "has no equal here. Pass those of one cell."
    )


def _sizes(where: str, arrays: Mapping[str, Weight], name: str) -> tuple[int, ...]:
    if name not in arrays:
        raise ValueError(f"{where}: {name} is missing; expected it. Pass a whole cell.")
    check_rank(where, name, arrays[name], 2)
    return arrays[name].shape


def _to_layer(where: str, cell: Any, params: PyTree) -> dict[str, Any]:
    if isinstance(cell, Bidirectional):
        check_merge(where, LINEN, cell)
        forward, backward = directions_of(where, cell, params)
        ways = {"forward_rnn": forward, "backward_rnn": backward}
        return {way: {"cell": _to_layer(where, *pair)} for way, pair in ways.items()}
    LINEN.check(where, cell, params)
    layers: dict[str, Any] = {}
    for field, names in FIELDS[type(params)].items():
        gates = jnp.split(jnp.asarray(getattr(params, field)), len(names), axis=-1)
        for name, w in zip(names, gates, strict=True):
            layer, leaf = name.split(".")
            layers.setdefault(layer, {})[leaf] = w
    return layers


__all__ = ["from_linen", "to_linen"]
