"""A scan that writes what it keeps over what it has read, in the same memory.

A plain scan stacks its outputs in fresh memory, which XLA's CPU backend fills with
zeros first, and stacks a value twice that is put out twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from recur.types import Array, PyTree


@dataclass(frozen=True)
class _Places:
    """Where a step leaves its values, counted after the inputs that it reads.

    Args:
      over: For each input whose place is taken, by which value.
      stacked: The others, each once.
      same: For each leaf that the step puts out, the input or value it is.
      tree: The structure of these leaves.
    """

    over: dict[int, int]
    stacked: list[int]
    same: list[int]
    tree: Any


def keeping_scan(
    body: Callable,
    carry: PyTree,
    xs: PyTree,
    *,
    length: int,
    reverse: bool,
    in_place: bool,
) -> tuple[PyTree, PyTree, PyTree]:
    """Scans as ``jax.lax.scan``, and lets what is kept take the place of inputs.

    Args:
      body: ``(carry, x) -> (carry, y, kept)``.
      carry: Enters the first step.
      xs: Arrays ``[T, ...]``, best of no use to anyone else.
      length: ``T``.
      reverse: Whether to begin at the end.
      in_place: Whether places are taken at all. Where XLA reads an input in more than
        one kernel, it would copy all of it at every step.

    Returns:
      ``(carry, ys, kept)``, the latter two stacked.

    Example:
      >>> body = lambda total, x: (total + x, -x, (2 * x, x))
      >>> _, _, (twice, xs) = keeping_scan(
      ...     body, jnp.float32(0), jnp.arange(3.0), length=3, reverse=False,
      ...     in_place=True)
      >>> twice
      Array([0., 2., 4.], dtype=float32)
    """
    leaves, structure = jax.tree.flatten(xs)
    places = _find_places(body, carry, leaves, structure, in_place)
    over = places.over
    taken = {n: leaves[n] for n in over}
    read = {n: a for n, a in enumerate(leaves) if n not in over}

    def step(state: Any, inputs: Any) -> tuple[Any, list[Array]]:
        (carry, taken), (t, read) = state, inputs
        here = read | {n: _at(a, t) for n, a in taken.items()}
        here = [here[n] for n in range(len(leaves))]
        carry, *out = body(carry, structure.unflatten(here))
        values = here + jax.tree.leaves(out)
        taken = {n: _put(a, values[over[n]], t) for n, a in taken.items()}
        return (carry, taken), [values[n] for n in places.stacked]

    (carry, taken), stacked = jax.lax.scan(
        step, (carry, taken), (jnp.arange(length), read), length=length, reverse=reverse
    )
    found = read | dict(zip(places.stacked, stacked, strict=True))
    found |= {over[n]: a for n, a in taken.items()}
    ys, kept = places.tree.unflatten([found[n] for n in places.same])
    return carry, ys, kept


def _find_places(
    body: Callable,
    carry: PyTree,
    leaves: list[Array],
    structure: Any,
    in_place: bool,
) -> _Places:
    same, tree, of_y = [], None, 0

    def probe(carry: PyTree, here: list[Array]) -> list[Array]:
        nonlocal same, tree, of_y
        _, *out = body(carry, structure.unflatten(here))
        of_y = len(jax.tree.leaves(out[0]))
        out, tree = jax.tree.flatten(out)
        values = here + out
        same = [[v is w for w in values].index(True) for v in out]
        return values

    one = [jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in leaves]
    values = jax.eval_shape(probe, carry, one)
    free = [n for n in range(len(leaves)) if in_place and n not in same]
    over, stacked = {}, [n for n in same[:of_y] if n >= len(leaves)]
    for n in same[of_y:]:
        if n < len(leaves) or n in stacked or n in over.values():
            continue
        place = next((p for p in free if _alike(values[p], values[n])), None)
        if place is None:
            stacked.append(n)
        else:
            free.remove(place)
            over[place] = n
    return _Places(over, list(dict.fromkeys(stacked)), same, tree)


def _alike(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _at(a: Array, t: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(
        a, t, keepdims=False, allow_negative_indices=False
    )


def _put(a: Array, value: Array, t: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(
        a, value, t, 0, allow_negative_indices=False
    )
