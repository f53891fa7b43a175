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
class StackedOutputs:
    """What a step reads and puts out: its inputs, then ``y``, then what it keeps.

    Args:
      inputs: How many leaves it reads.
      shapes: Of all of them.
      same: For each leaf that it puts out, the first of them that it is.
      of_y: How many of these leaves are of ``y``.
      tree: The structure of these leaves.
    """

    inputs: int
    shapes: list[Any]
    same: list[int]
    of_y: int
    tree: Any

    @property
    def once(self) -> list[int]:
        """What is put out, each value once."""
        return list(dict.fromkeys(self.same))

    def spread(self, rows: list[Array]) -> tuple[PyTree, PyTree]:
        """Gives ``(y, kept)`` from arrays that hold each value once."""
        found = dict(zip(self.once, rows, strict=True))
        return self.tree.unflatten([found[n] for n in self.same])


def stacked_outputs(body: Callable, carry: PyTree, x: PyTree) -> StackedOutputs:
    """Traces one step, to see which of its values are one and the same.

    Args:
      body: ``(carry, x) -> (carry, y, kept)``.
      carry: Enters it.
      x: Shapes of what it reads.

    Example:
      >>> body = lambda total, x: (total + x, -x, (2 * x, x))
      >>> stacked_outputs(body, jnp.float32(0), jnp.float32(0)).same
      [1, 2, 0]
    """
    leaves, structure = jax.tree.flatten(x)
    seen: dict[str, Any] = {"inputs": len(leaves)}

    def probe(carry: PyTree, here: list[Array]) -> list[Array]:
        _, *out = body(carry, structure.unflatten(here))
        seen["of_y"] = len(jax.tree.leaves(out[0]))
        out, seen["tree"] = jax.tree.flatten(tuple(out))
        values = here + out
        seen["same"] = [[v is w for w in values].index(True) for v in out]
        return values

    return StackedOutputs(shapes=jax.eval_shape(probe, carry, leaves), **seen)


def inplace_scan(
    body: Callable,
    carry: PyTree,
    xs: PyTree,
    values: StackedOutputs,
    *,
    length: int,
    reverse: bool,
    residuals_in_place: bool,
    unroll: int = 1,
) -> tuple[PyTree, list[Array]]:
    """Scans as ``jax.lax.scan``, and lets what is kept take the place of inputs.

    Args:
      body: ``(carry, x) -> (carry, y, kept)``.
      carry: Enters the first step.
      xs: Arrays ``[T, ...]``, best of no use to anyone else.
      values: Those of a step.
      length: ``T``.
      reverse: Whether to begin at the end.
      residuals_in_place: Whether places are taken at all. Where XLA reads an input in
        more than one kernel, it would copy all of it at every step.
      unroll: Steps in one iteration.

    Returns:
      ``(carry, rows)``, the latter for ``values.spread``.

    Example:
      >>> body = lambda total, x: (total + x, -x, (2 * x, x))
      >>> values = stacked_outputs(body, jnp.float32(0), jnp.float32(0))
      >>> _, rows = inplace_scan(
      ...     body, jnp.float32(0), jnp.arange(3.0), values, length=3, reverse=False,
      ...     residuals_in_place=True)
      >>> values.spread(rows)[1][0]
      Array([0., 2., 4.], dtype=float32)
    """
    leaves, structure = jax.tree.flatten(xs)
    inputs = range(values.inputs)
    over = _places(values) if residuals_in_place else {}
    there = {*inputs, *over.values()}
    stacked = [n for n in values.once if n not in there]

    def step(state: Any, xs: Any) -> tuple[Any, list[Array]]:
        (carry, taken), (t, read) = state, xs
        here = read | {n: _at(a, t) for n, a in taken.items()}
        here = [here[n] for n in inputs]
        carry, *out = body(carry, structure.unflatten(here))
        now = here + jax.tree.leaves(out)
        taken = {n: _put(a, now[over[n]], t) for n, a in taken.items()}
        return (carry, taken), [now[n] for n in stacked]

    read = {n: a for n, a in enumerate(leaves) if n not in over}
    first, xs = (carry, {n: leaves[n] for n in over}), (jnp.arange(length), read)
    (carry, taken), rows = jax.lax.scan(step, first, xs, length, reverse, unroll)
    found = read | {over[n]: a for n, a in taken.items()}
    found |= dict(zip(stacked, rows, strict=True))
    return carry, [found[n] for n in values.once]


def _places(values: StackedOutputs) -> dict[int, int]:
    """Tells by which value that is only kept the place of which input is taken."""
    over: dict[int, int] = {}
    free = [n for n in range(values.inputs) if n not in values.same]
    put_out = {*range(values.inputs), *values.same[: values.of_y]}
    for n in values.once:
        fits = (p for p in free if p not in over and _alike(values.shapes, p, n))
        if n not in put_out and (place := next(fits, None)) is not None:
            over[place] = n
    return over


def _alike(shapes: list[Any], p: int, n: int) -> bool:
    a, b = shapes[p], shapes[n]
    return a.shape == b.shape and a.dtype == b.dtype


def _at(a: Array, t: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(
        a, t, keepdims=False, allow_negative_indices=False
    )


def _put(a: Array, value: Array, t: Array) -> Array:
    return jax.lax.dynamic_update_index_in_dim(
        a, value, t, 0, allow_negative_indices=False
    )
