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
    """Refuses mesh axes for what is no part of params or carry.

    Example:
      >>> check_partitioning("doc", {"h": ("data", None)}, {"h": jnp.zeros((2, 3))})
    """
    known = set()
    for root, tree in trees.items():
        known |= {name_of(path, root) for path, _ in jax.tree.leaves_with_path(tree)}
    unknown = sorted(set(partitioning) - known)
    if unknown:
        raise ValueError(
            f"{where}: partitioning names {', '.join(unknown)}; expected some of "
            f"{', '.join(sorted(known))}. Use the names of params and carry."
        )
