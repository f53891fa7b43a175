"""Refusals of choices and of what is no array, where they are made and given.

What JAX would say of them names its own internals, or nothing at all.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from recur import _checks as checks
from recur.types import PyTree

Made = TypeVar("Made", bound=type)

NUMBERS = (bool, int, float, complex)


def checks_first(check: Callable[..., None]) -> Callable[[Made], Made]:
    """Has the arguments that make an instance checked before Python looks at them.

    Python says of those that a constructor does not take how many there were, and not
    what to write.

    Example:
      >>> @checks_first(lambda *sizes: check_number("Sizes", "sizes", sizes[-1]))
      ... class Sizes:
      ...     def __init__(self, size): self.size = size
      >>> Sizes(3, None)
      Traceback (most recent call last):
      TypeError: Sizes: sizes is None; expected a finite number.
    """

    def checked(made: Made) -> Made:
        make: Any = made.__init__

        @wraps(make)
        def init(self: Any, *args: Any, **given: Any) -> None:
            check(*args, **given)
            make(self, *args, **given)

        made.__init__ = init
        return made

    return checked


def check_bools(where: str, **choices: Any) -> None:
    """Refuses anything but True and False."""
    for name, value in choices.items():
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(
                f"{where}: {name} is {checks.describe(value)}; expected True or False, "
                "which is not traced."
            )


def check_functions(where: str, **functions: Any) -> None:
    """Refuses what cannot be called, and a class in the place of its instance."""
    for name, value in functions.items():
        if isinstance(value, type):
            raise TypeError(
                f"{where}: {name} is the class {value.__name__}; expected a function. "
                f"Write {value.__name__}(...) for an instance."
            )
        if not callable(value):
            raise TypeError(
                f"{where}: {name} is {checks.describe(value)}; expected a function."
            )


def check_number(where: str, name: str, value: Any) -> None:
    """Refuses anything but a finite number."""
    number = isinstance(value, (int, float, np.floating, np.integer))
    if isinstance(value, bool) or not number or not math.isfinite(value):
        raise TypeError(
            f"{where}: {name} is {checks.describe(value)}; expected a finite number."
        )


def check_arrays(where: str, **trees: PyTree) -> None:
    """Refuses a pytree with a leaf that JAX cannot trace.

    Example:
      >>> check_arrays("doc", params={"w": jnp.ones(2), "name": "mine"})
      Traceback (most recent call last):
      TypeError: doc: params['name'] is str 'mine'; expected an array or a number. ...
    """
    for name, tree in trees.items():
        if all(map(_is_array, jax.tree.leaves(tree))):
            continue
        for path, leaf in jax.tree.leaves_with_path(tree):
            if not _is_array(leaf):
                at = name + jax.tree_util.keystr(path)
                raise TypeError(
                    f"{where}: {at} is {_kind(leaf)}; expected an array or a number. "
                    f"{_remedy(at, leaf)}"
                )


def _is_array(leaf: Any) -> bool:
    if isinstance(leaf, (jax.Array, *NUMBERS)):
        return True
    if isinstance(leaf, (np.ndarray, np.generic)):
        whole = jnp.issubdtype(leaf.dtype, jnp.number) or leaf.dtype == np.bool_
        return whole or leaf.dtype == jax.dtypes.float0
    return hasattr(leaf, "__jax_array__")


def _kind(leaf: Any) -> str:
    library = type(leaf).__module__.split(".")[0]
    named = library not in ("builtins", "numpy", "recur")
    return checks.describe(leaf) + (f" of {library}" if named else "")


def _remedy(at: str, leaf: Any) -> str:
    if isinstance(leaf, type):
        return f"Write {leaf.__name__}(...) for an instance, and pass its params."
    if hasattr(leaf, "numpy"):
        return f"Convert it with jnp.asarray({at}.numpy())."
    if hasattr(leaf, "shape") or isinstance(leaf, range):
        return f"Convert it to numbers with jnp.asarray({at})."
    return "Leave it out, and let the step know what is no array by itself."
