"""A table of shapes, and how a key is split among what it names."""

import re
from collections.abc import Mapping

import jax

from recur.types import Array

Names = tuple["str | Names", ...]


def read_axes(text: str) -> list[tuple[int, str]]:
    """Reads each axis as how many times which letter.

    Example:
      >>> read_axes("I 4H")
      [(1, 'I'), (4, 'H')]
    """
    found = re.findall(r"(\d*)([A-Z])", text)
    return [(int(n or 1), axis) for n, axis in found]


def read_shape(text: str, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Reads a shape, given what its letters stand for.

    Example:
      >>> read_shape("I 4H", {"I": 3, "H": 5})
      (3, 20)
    """
    return tuple(n * sizes[axis] for n, axis in read_axes(text))


def split_key(key: Array, names: Names) -> dict[str, Array]:
    """Splits a key among names, and what falls to nested ones among these.

    Example:
      >>> list(split_key(jax.random.key(0), (("w_ih", "w_hh"), "b")))
      ['w_ih', 'w_hh', 'b']
    """
    found: dict[str, Array] = {}
    for name, k in zip(names, jax.random.split(key, len(names)), strict=True):
        found |= {name: k} if isinstance(name, str) else split_key(k, name)
    return found
