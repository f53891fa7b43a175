"""Names for the parts of any pytree, as Flax users look for them."""

from collections.abc import Mapping
from typing import Any

import jax

from recur.types import PyTree


def to_names(tree: PyTree, root: str) -> dict[str, Any]:
    """Turns any pytree into nested dicts, a lone array into ``{root: array}``.

    Example:
      >>> to_names((LSTMCarry(1, 2), 3), "h")
      {'layers_0': {'h': 1, 'c': 2}, 'layers_1': 3}
    """
    named: dict[str, Any] = {}
    for path, leaf in jax.tree.leaves_with_path(tree):
        *above, last = [key_name(key) for key in path] or [root]
        inner = named
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = leaf
    return named


def from_names(like: PyTree, named: Mapping[str, Any], root: str) -> PyTree:
    """Takes nested dicts back into the structure of ``like``.

    Example:
      >>> from_names(LSTMCarry(0, 0), {"c": 2, "h": 1}, "h")
      LSTMCarry(h=1, c=2)
    """

    def find(path: Any, _: Any) -> Any:
        found: Any = named
        for name in [key_name(key) for key in path] or [root]:
            found = found[name]
        return found

    return jax.tree.map_with_path(find, like)


def name_of(path: Any, root: str) -> str:
    """The name of a part: the last on its path, or ``root`` where it is the whole.

    Example:
      >>> [name_of(path, "w") for path, _ in jax.tree.leaves_with_path({"b": 1})]
      ['b']
      >>> name_of((), "w")
      'w'
    """
    return key_name(path[-1]) if path else root


def key_name(key: Any) -> str:
    """The name of one key of a path; places in a tuple are ``layers_0`` and on.

    Example:
      >>> key_name(jax.tree_util.SequenceKey(1))
      'layers_1'
    """
    if isinstance(key, jax.tree_util.SequenceKey):
        return f"layers_{key.idx}"
    return str(getattr(key, "name", getattr(key, "key", key)))


def check_partitioning(
    where: str, partitioning: Mapping[str, Any], trees: Mapping[str, PyTree]
) -> None:
    """Refuses mesh axes for what is no part of params or carry, or lacks such axes.

    Example:
      >>> check_partitioning("doc", {"h": ("data", None)}, {"h": jnp.zeros((2, 3))})
    """
    known: dict[str, Any] = {}
    for root, tree in trees.items():
        named = jax.tree.leaves_with_path(tree)
        known |= {name_of(path, root): (root, a.ndim) for path, a in named}
    unknown = sorted(set(partitioning) - set(known))
    if unknown:
        raise ValueError(
            f"{where}: partitioning names {', '.join(unknown)}; expected some of "
            f"{', '.join(sorted(known))}. Use the names of params and carry."
        )
    for name, axes in partitioning.items():
        _check_axes(where, name, axes, *known[name])


def _check_axes(where: str, name: str, axes: Any, root: str, rank: int) -> None:
    too_many = root == "w" and len(axes) > rank  # A carry has its batch axes besides.
    if isinstance(axes, str) or too_many:
        most = f"at most {rank}" if root == "w" else "one"
        raise ValueError(
            f"{where}: partitioning of {name} is {axes!r}; expected a tuple of mesh "
            f"axes or None, {most} for its axes. Write it as (None, 'model')."
        )
