"""Files of named arrays: safetensors, which is data only; never a pickle."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recur.interop._shared.optional_imports import require


def read_safetensors(
    where: str,
    path: str | os.PathLike[str],
    choose: Callable[[Iterable[str]], Mapping[str, str]],
) -> dict[str, Any]:
    """Reads arrays that ``choose`` picks and names anew, of the names in a file.

    Example:
      >>> read_safetensors("doc", "model.pt", dict)
      Traceback (most recent call last):
      ValueError: doc: path is 'model.pt'; expected a .safetensors file. ...
    """
    path = os.fspath(path)
    if not path.endswith(".safetensors"):
        raise ValueError(
            f"{where}: path is {path!r}; expected a .safetensors file. Others may be "
            "pickles, which can run anything when opened: where the model is trusted, "
            "write it with safetensors.torch.save_file(module.state_dict(), path)."
        )
    library = require(where, "safetensors", "safetensors")
    try:
        with library.safe_open(path, framework="numpy") as file:
            names = choose(list(file.keys()))
            return {name: file.get_tensor(key) for name, key in names.items()}
    except (library.SafetensorError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{where}: {path!r} is not a whole safetensors file of numbers that NumPy "
            f"knows ({error}); expected one. Copy or write it again."
        ) from error
