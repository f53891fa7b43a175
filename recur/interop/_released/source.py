"""Reads and writes the weights of one layer by name."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from recur import _checks as checks
from recur.interop._released.layout import Layout, dotted, find_layer
from recur.interop._shared.optional_imports import loaded
from recur.interop._shared.tensor_file import read_safetensors
from recur.interop._shared.weights import Weight, check_weights
from recur.interop.torch.source import tensor_weight
from recur.types import Array


def read_layer(
    where: str, source: Any, prefix: str | None, layouts: Sequence[Layout]
) -> tuple[Layout, dict[str, Weight]]:
    """Reads the weights of the one layer of any of these kinds.

    Example:
      >>> layout = Layout("layer", ("a",), marks=("a",))
      >>> read_layer("doc", {"x.a": np.ones(2, np.float32)}, None, (layout,))[1]
      {'a': array([1., 1.], dtype=float32)}
    """

    def choose(names: Iterable[Any]) -> dict[str, str]:
        return find_layer(where, names, prefix, layouts)

    found = _read(where, source, choose)
    layout = next(one for one in layouts if found.keys() == set(one.names))
    return layout, {n: tensor_weight(where, n, w) for n, w in found.items()}


def _read(
    where: str, source: Any, choose: Callable[[Iterable[Any]], Mapping[str, str]]
) -> dict[str, Any]:
    torch = loaded("torch")
    if torch is not None and isinstance(source, torch.nn.Module):
        source = source.state_dict()
    if isinstance(source, (str, os.PathLike)):
        return read_safetensors(where, source, choose)
    if not isinstance(source, Mapping):
        raise TypeError(
            f"{where}: source is {checks.describe(source)}; expected the path of a "
            ".safetensors file, a mapping of names to arrays or tensors, or a torch "
            "module."
        )
    _check_no_checkpoint(where, source)
    return {name: source[key] for name, key in choose(source).items()}


def write_layer(where: str, prefix: str, arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Names NumPy arrays, each with a memory of its own.

    Example:
      >>> write_layer("doc", "layers.0", {"a": jnp.ones(2)})
      {'layers.0.a': array([1., 1.], dtype=float32)}
    """
    start = dotted(where, prefix)
    return {start + name: np.array(w, order="C") for name, w in arrays.items()}


def check_cell(where: str, cell: Any, kinds: Sequence[type]) -> None:
    """Refuses a cell that is none of these.

    Example:
      >>> check_cell("doc", LSTM(5), (GRU,))
      Traceback (most recent call last):
      TypeError: doc: cell is a LSTM; expected GRU. Pass one of that kind, ...
    """
    if type(cell) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(
            f"{where}: cell is {checks.describe(cell)}; expected {names}. Pass one of "
            "that kind, or the one inside a wrapper."
        )


def check_params(where: str, cell: Any, params: Any) -> None:
    """Refuses params that are not of a cell whose input is as wide as its output.

    Example:
      >>> check_params("doc", RWKV4(4), RWKV4(4).init(jax.random.key(0), 3))
      Traceback (most recent call last):
      ValueError: doc: params.mix is float32[9]; expected the shape (12,), ...
    """
    like = jax.eval_shape(lambda: cell.init(jax.random.key(0), cell.hidden_size))
    made = f"{type(cell).__name__}(...).init"
    checks.check_type(where, "params", params, type(like), made)
    arrays = {f"params.{name}": w for name, w in params._asdict().items()}
    for name, w in arrays.items():
        checks.check_array(where, name, w)
    shapes = {f"params.{name}": w.shape for name, w in like._asdict().items()}
    check_weights(where, arrays, shapes)


def _check_no_checkpoint(where: str, source: Mapping[Any, Any]) -> None:
    """Refuses a dictionary that holds the weights beside other things."""
    for key, inside in source.items():
        if isinstance(inside, Mapping):
            raise ValueError(
                f"{where}: source[{key!r}] is itself a mapping; expected arrays or "
                f"tensors by name. Pass source[{key!r}]."
            )
