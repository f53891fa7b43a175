"""Packages that are imported only when something of them is asked for."""

import importlib
import sys
from typing import Any

from recur._distribution import install


def require(where: str, name: str, extra: str) -> Any:
    """Imports a package, or says how to install it.

    Example:
      >>> require("doc", "math", "torch").pi > 3
      True
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(
            f"{where}: {package} is needed here. {install(extra)}"
        ) from error


def loaded(name: str) -> Any:
    """Gives a package if the program has it already, else ``None``.

    An object can only be of a class of a package that is loaded.

    Example:
      >>> loaded("no_such_package") is None
      True
    """
    return sys.modules.get(name)
