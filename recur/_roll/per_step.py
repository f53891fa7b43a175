"""Params that change from step to step: each step is given its own slice."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._portable import portable
from recur._roll.padding import fill_invalid
from recur.types import Array, PyTree, Step


@portable
class PerStep(NamedTuple):
    """Marks a part of params that has a time axis first.

    :func:`recur.unroll` hands each step the slice of its time in place of the whole, so
    that a step never sees the mark. Dropout masks drawn before the roll travel this
    way, to whatever depth of a composition they belong; so may anything of a user's.

    Example:
      >>> scale = lambda params, carry, x: (carry, params["by"] * x)
      >>> params = {"by": PerStep(jnp.arange(3.0))}
      >>> unroll(scale, params, None, jnp.ones(3))[1]
      Array([0., 1., 2.], dtype=float32)
    """

    values: PyTree


def split_series(params: PyTree) -> tuple[list[PyTree], Callable]:
    """Takes the series out of params.

    Returns:
      The series, and a function that puts one slice of each back in their places;
      given others, it also puts these in the places of the :func:`constant` params.

    Example:
      >>> series, at = split_series((1, PerStep(jnp.arange(3))))
      >>> at([7])
      (1, 7)
    """
    leaves, structure = jax.tree.flatten(params, is_leaf=_is_series)
    series = [leaf.values for leaf in leaves if _is_series(leaf)]

    def at(slices: list[PyTree], others: list[PyTree] | None = None) -> PyTree:
        moving = iter(slices)
        still = iter(constant(params) if others is None else others)
        places = [moving if _is_series(leaf) else still for leaf in leaves]
        return structure.unflatten([next(place) for place in places])

    return series, at


def with_values(params: PyTree, xs: PyTree) -> PyTree:
    """Pairs inputs with the series in params, if there are any.

    Example:
      >>> with_values((1, PerStep(2)), 3), with_values((1, 2), 3)
      ((3, [2]), 3)
    """
    values, _ = split_series(params)
    return (xs, values) if values else xs


def with_slices(step: Step, series: Callable) -> Step:
    """Makes a step that takes ``(x, slices)`` and the constant params.

    Args:
      step: Takes ``x`` and all params.
      series: What :func:`split_series` gives to put slices into their places.
    """

    def sliced(rest: PyTree, carry: PyTree, inputs: PyTree) -> tuple[PyTree, PyTree]:
        x, slices = inputs
        return step(series(slices, rest), carry, x)

    return sliced


def fill_series(valid: Array | None, params: PyTree, *, reverse: bool) -> PyTree:
    """Puts slices of steps that count in the place of those where none does.

    Example:
      >>> params = PerStep(jnp.array([2.0, 0.0]))
      >>> fill_series(jnp.array([[True], [False]]), params, reverse=False).values
      Array([2., 2.], dtype=float32)
    """
    if valid is None:
        return params
    somewhere = jnp.any(valid, tuple(range(1, valid.ndim)))

    def one(a: Array) -> Array:
        if not jnp.issubdtype(a.dtype, jnp.inexact):
            return a
        return fill_invalid(somewhere, a, reverse=reverse)

    series, at = split_series(params)
    return at([PerStep(values) for values in jax.tree.map(one, series)])


def constant(params: PyTree) -> list[PyTree]:
    """Lists the params that are the same for all steps.

    Example:
      >>> constant((1, PerStep(jnp.arange(3))))
      [1]
    """
    leaves = jax.tree.leaves(params, is_leaf=_is_series)
    return [leaf for leaf in leaves if not _is_series(leaf)]


def check_series(where: str, params: PyTree, num_steps: int) -> None:
    """Refuses a series whose time axis is not that of the roll."""
    for leaf in jax.tree.leaves(split_series(params)[0]):
        if not leaf.shape or leaf.shape[0] != num_steps:
            raise ValueError(
                f"{where}: params have a series {checks.describe(leaf)}; expected "
                f"{num_steps} steps on its first axis, as xs has. Draw the masks for "
                "these xs."
            )


def _is_series(leaf: PyTree) -> bool:
    return isinstance(leaf, PerStep)


__all__ = ["PerStep"]
