"""Networks whose layers are all alike, which is what torch and cuDNN hold."""

from typing import Any

import jax
import jax.numpy as jnp

from recur._checks import describe
from recur.cells.lstm import LSTMCarry
from recur.compose.bidirectional import Bidirectional
from recur.compose.plain import plain
from recur.interop._shared.capabilities import Holds, check_merge
from recur.interop._shared.gates import Params
from recur.interop._shared.network import (
    directions_of,
    flat_carry,
    layers_of,
    nested_carry,
)
from recur.interop._shared.weights import own
from recur.types import PyTree


def uniform_layers(
    where: str, holds: Holds, cell: Any, params: PyTree
) -> list[list[Params]]:
    """Takes a network apart into params, one list a layer, or refuses it.

    Example:
      >>> cell = Stack((LSTM(5), LSTM(5)))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> layers = uniform_layers("doc", Holds("torch.nn"), cell, params)
      >>> [layer[0].w_ih.shape for layer in layers]
      [(3, 20), (5, 20)]
    """
    pairs = layers_of(where, cell, params)
    layers = [directions_of(where, c, p) for c, p in pairs]
    for c, p in (pair for layer in layers for pair in layer):
        holds.check(where, c, p)
    for bidirectional in (c for c, _ in pairs if isinstance(c, Bidirectional)):
        check_merge(where, holds, bidirectional)
    forms = {_form(c) for layer in layers for c, _ in layer}
    ways = {len(layer) for layer in layers}
    if len(forms) > 1 or len(ways) > 1:
        raise ValueError(
            f"{where}: the layers of cell differ in kind, size or directions; "
            f"{holds.library} holds only layers that are alike. Convert each alone."
        )
    _check_sizes(where, layers)
    return [[p for _, p in layer] for layer in layers]


def _form(cell: Any) -> tuple[Any, ...]:
    activation = getattr(cell, "activation", None)
    return type(cell), cell.hidden_size, cell.output_size, activation


def _check_sizes(where: str, layers: list[list[tuple[Any, Params]]]) -> None:
    input_size = layers[0][0][1].w_ih.shape[0]
    for number, layer in enumerate(layers):
        for _, params in layer:
            if params.w_ih.shape[0] != input_size:
                raise ValueError(
                    f"{where}: w_ih of layer {number} is {describe(params.w_ih)}; "
                    f"expected {input_size} rows, the size of what enters that layer. "
                    "Make the params with cell.init."
                )
        input_size = sum(cell.output_size for cell, _ in layer)


def stack_carries(where: str, cell: Any, carry: PyTree) -> Any:
    """Stacks carries on a new first axis: ``h``, or ``(h, c)``, ``[L·D, B, H]``.

    Example:
      >>> cell = Stack((GRU(5), GRU(5)))
      >>> stack_carries("doc", cell, cell.init_carry((2,))).shape
      (2, 2, 5)
    """
    cell = plain(cell)
    carries = flat_carry(where, cell, carry)
    _check_carries(where, cell, carries)
    if not isinstance(carries[0], LSTMCarry):
        return jnp.stack(carries)
    return jnp.stack([s.h for s in carries]), jnp.stack([s.c for s in carries])


def _check_carries(where: str, cell: Any, carries: list[Any]) -> None:
    """Refuses what could be stacked, but is the carry of another kind of cell."""
    for one, like in zip(carries, _carries_like(cell), strict=True):
        if jax.tree.structure(one) != jax.tree.structure(like):
            kind = "LSTMCarry" if isinstance(like, LSTMCarry) else "an array"
            raise TypeError(
                f"{where}: carry has {describe(one)}; expected {kind} for each cell. "
                "Make it with cell.init_carry."
            )


def _carries_like(cell: Any) -> list[Any]:
    return flat_carry("uniform", cell, cell.init_carry())


def unstack_carries(where: str, cell: Any, state: Any) -> PyTree:
    """Undoes :func:`stack_carries`.

    Example:
      >>> unstack_carries("doc", Stack((GRU(5), GRU(5))), jnp.zeros((2, 3, 5)))[1].shape
      (3, 5)
    """
    cell = plain(cell)
    example = _carries_like(cell)
    with_memory = isinstance(example[0], LSTMCarry)
    sizes = [a.shape[0] for a in (example[0] if with_memory else (example[0],))]
    arrays = tuple(state) if isinstance(state, (tuple, list)) else (state,)
    fit = [a.ndim > 1 and (a.shape[0], a.shape[-1]) for a in arrays]
    batches = {a.shape[1:-1] for a in arrays}
    if fit != [(len(example), size) for size in sizes] or len(batches) > 1:
        raise ValueError(
            f"{where}: the state is {', '.join(map(describe, arrays))}; expected "
            f"{' and '.join(f'[{len(example)}, ..., {size}]' for size in sizes)}, of "
            "one batch. Pass the state of the module that cell is of."
        )
    each = zip(*map(own, arrays), strict=True)
    return nested_carry(cell, [LSTMCarry(*s) if with_memory else s[0] for s in each])
