"""What torch weights come in: modules, state dicts, files and tensors."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from recur.interop._shared.optional_imports import loaded, require
from recur.interop._shared.tensor_file import read_safetensors
from recur.interop._shared.weights import Weight, as_weight
from recur.interop.torch.module import read_module
from recur.interop.torch.state import check_no_checkpoint, find_prefix, names_under
from recur.types import Array


def find_weights(
    where: str, source: Any, prefix: str | None
) -> tuple[Mapping[str, Any], str | None]:
    """Finds the weights of one module by name, and its nonlinearity if that is told.

    Example:
      >>> state = {"rnn.weight_ih_l0": 1, "rnn.weight_hh_l0": 2, "out.weight": 3}
      >>> find_weights("doc", state, None)
      ({'weight_ih_l0': 1, 'weight_hh_l0': 2}, None)
    """

    def choose(names: Iterable[str]) -> dict[str, str]:
        names = [name for name in names if isinstance(name, str)]
        start = find_prefix(where, names, prefix)
        return {name: start + name for name in names_under(where, names, start)}

    if isinstance(source, Mapping):
        check_no_checkpoint(where, source)
        return {name: source[n] for name, n in choose(source).items()}, None
    if isinstance(source, (str, os.PathLike)):
        return read_safetensors(where, source, choose), None
    return read_module(where, source, prefix)


def tensor_weight(where: str, name: str, value: Any) -> Weight:
    """Gives a tensor as an array on its memory, and an array as it came.

    Example:
      >>> import torch
      >>> tensor_weight("doc", "w", torch.ones(2, dtype=torch.bfloat16))
      array([1, 1], dtype=bfloat16)
    """
    torch = loaded("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = _to_numpy(where, name, torch, value)
    return as_weight(where, name, value)


def _to_numpy(where: str, name: str, torch: Any, tensor: Any) -> np.ndarray:
    try:
        tensor = tensor.detach().cpu()
        if tensor.dtype == torch.bfloat16:  # NumPy has the type only by its bits.
            return tensor.view(torch.int16).numpy().view(jnp.bfloat16)
        return tensor.numpy()
    except (NotImplementedError, RuntimeError, TypeError) as error:
        raise TypeError(
            f"{where}: {name} is a tensor of {tensor.dtype}, {tensor.layout}, on "
            f"{tensor.device} ({error}); expected a dense one with numbers. Load the "
            "weights, or convert it with to_dense() or float(), first."
        ) from error


def to_tensor(where: str, array: Array) -> Any:
    """Makes a tensor of an array, with a memory of its own.

    Example:
      >>> to_tensor("doc", jnp.ones(2, jnp.bfloat16))
      tensor([1., 1.], dtype=torch.bfloat16)
    """
    torch = require(where, "torch", "torch")
    own = np.array(array, order="C", copy=True)
    if own.dtype == jnp.bfloat16:
        return torch.from_numpy(own.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(own)
