r"""Values that are affine in a carry, entry by entry, followed through equations.

.. math::
    v_i = \sum_j a_{ij} \odot c_{j,p(i)} + b_i

The entries :math:`p` that a value reads are followed as numbers, so that changes of
shape are free as long as each entry comes back to its place.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from recur._jaxpr.entries import PIECES
from recur._jaxpr.interpret import Values, read, run_alone, shape_of
from recur.types import Array


class NotAffineError(Exception):
    """What stands in the way, as a clause."""


@dataclass(frozen=True)
class Affine:
    """A value that is affine in some leaves of a carry.

    Args:
      factors: By number of the leaf; ``None`` stands for one.
      shift: ``None`` stands for zero.
      entries: Which entry of the leaves each entry reads, -1 for none.
      dtype: The widest that the value has been in; factors and shift are kept in it.
      least: What the value is at least, as in ``max(v, least)``; ``None`` if nothing.
    """

    factors: Mapping[int, Any]
    shift: Any
    entries: np.ndarray
    dtype: Any
    least: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.entries.shape


def leaf_of_carry(number: int, shape: tuple[int, ...], dtype: Any) -> Affine:
    """A leaf of the carry, as it is."""
    entries = np.arange(math.prod(shape), dtype=np.int32).reshape(shape)
    return Affine({number: None}, None, entries, jnp.dtype(dtype))


def follow(eqns: list[JaxprEqn], known: Values) -> None:
    """Runs equations on values of which some are :class:`Affine`.

    Args:
      eqns: One after the other.
      known: Values and affine ones by variable; the results are added.

    Raises:
      NotAffineError: With the first equation after which one is not.
    """
    for eqn in eqns:
        inputs = [read(known, v) for v in eqn.invars]
        if any(isinstance(a, Affine) for a in inputs):
            outputs = _followed(eqn, inputs)
        else:
            outputs = run_alone(eqn, inputs)
        known |= dict(zip(eqn.outvars, outputs, strict=True))


def _followed(eqn: JaxprEqn, inputs: list[Any]) -> list[Any]:
    name = eqn.primitive.name
    if name in PIECES:
        return _reshaped(eqn, inputs[0])
    if name in _RULES:
        return [_RULES[name](eqn, *inputs)]
    mixes = name in _MIXES
    does = "lets entries of the carry meet" if mixes else "is not affine in the carry"
    raise NotAffineError(f"`{name}` {does}")


def _add(eqn: JaxprEqn, a: Any, b: Any) -> Affine:
    if not isinstance(a, Affine):
        a, b = b, a
    if isinstance(b, Affine):
        return _add_affine(eqn, a, b)
    b = jnp.broadcast_to(_cast(b, a.dtype), a.shape)
    least = None if a.least is None else a.least + b
    return replace(a, shift=_sum(a.shift, b, a.dtype), least=least)


def _add_affine(eqn: JaxprEqn, a: Affine, b: Affine) -> Affine:
    _check_alone(eqn, a, b)
    dtype = widest([a, b])
    like = jax.ShapeDtypeStruct(a.shape, dtype)
    both = a.factors.keys() & b.factors.keys()
    factors = {n: _factor(a, n, like) + _factor(b, n, like) for n in both}
    shift = _sum(a.shift, b.shift, dtype)
    return Affine(
        {**b.factors, **a.factors, **factors}, shift, _same_entries(a, b), dtype
    )


def _subtract(eqn: JaxprEqn, a: Any, b: Any) -> Affine:
    return _add(eqn, a, _scale(eqn, b, -1) if isinstance(b, Affine) else -b)


def _negate(eqn: JaxprEqn, a: Affine) -> Affine:
    return _scale(eqn, a, -1)


def _multiply(eqn: JaxprEqn, a: Any, b: Any) -> Affine:
    if isinstance(a, Affine) and isinstance(b, Affine):
        raise NotAffineError("`mul` multiplies the carry with itself")
    return _scale(eqn, a, b) if isinstance(a, Affine) else _scale(eqn, b, a)


def _divide(eqn: JaxprEqn, a: Any, b: Any) -> Affine:
    if isinstance(b, Affine) or not jnp.issubdtype(a.dtype, jnp.inexact):
        raise NotAffineError("`div` is not affine in the carry")
    return _scale(eqn, a, 1 / _cast(b, a.dtype))


def _scale(eqn: JaxprEqn, a: Affine, by: Any) -> Affine:
    _check_alone(eqn, a)
    by = _cast(by, a.dtype)
    factors = {n: by if f is None else f * by for n, f in a.factors.items()}
    return replace(a, factors=factors, shift=None if a.shift is None else a.shift * by)


def _convert(eqn: JaxprEqn, a: Affine) -> Affine:
    new = jnp.dtype(eqn.params["new_dtype"])
    same_kind = any(
        jnp.issubdtype(a.dtype, kind) and jnp.issubdtype(new, kind)
        for kind in (jnp.floating, jnp.complexfloating)
    )
    if not same_kind and new != a.dtype:
        raise NotAffineError("`convert_element_type` rounds the carry")
    # To less it is rounded where the recurrence is done.
    return _widened(a, np.promote_types(a.dtype, new))


def _select(eqn: JaxprEqn, which: Any, *cases: Any) -> Affine:
    if isinstance(which, Affine):
        raise NotAffineError("`select_n` is decided by the carry")
    affine = [a for a in cases if isinstance(a, Affine)]
    _check_alone(eqn, *affine)
    dtype = widest(affine)
    like = jax.ShapeDtypeStruct(shape_of(eqn.outvars[0]), dtype)
    factors = {
        n: jax.lax.select_n(which, *(_factor(a, n, like) for a in cases))
        for n in _leaves(affine)
    }
    shift = jax.lax.select_n(which, *(_shift(a, like) for a in cases))
    return Affine(factors, shift, _same_entries(*affine), dtype)


def _maximum(eqn: JaxprEqn, a: Any, b: Any) -> Affine:
    if not isinstance(a, Affine):
        a, b = b, a
    plain = list(a.factors.values()) == [None]
    if isinstance(b, Affine) or not plain or not jnp.issubdtype(a.dtype, jnp.floating):
        raise NotAffineError("`max` is not affine in the carry")
    b = jnp.broadcast_to(_cast(b, a.dtype), a.shape)
    return replace(a, least=b if a.least is None else jnp.maximum(a.least, b))


def _copy(eqn: JaxprEqn, a: Affine) -> Affine:
    return a


def _reshaped(eqn: JaxprEqn, a: Affine) -> list[Affine]:
    pieces = [np.asarray(p) for p in PIECES[eqn.primitive.name](eqn, a.entries)]

    def moved(value: Any) -> list[Any]:
        if value is None:
            return [None] * len(pieces)
        return run_alone(eqn, [jnp.broadcast_to(value, a.shape)])

    factors = {n: moved(f) for n, f in a.factors.items()}
    shifts, leasts = moved(a.shift), moved(a.least)
    return [
        Affine({n: f[k] for n, f in factors.items()}, shifts[k], p, a.dtype, leasts[k])
        for k, p in enumerate(pieces)
    ]


def _concatenate(eqn: JaxprEqn, *parts: Any) -> Affine:
    affine = [a for a in parts if isinstance(a, Affine)]
    _check_alone(eqn, *affine)
    axis, dtype = eqn.params["dimension"], widest(affine)
    like = [jax.ShapeDtypeStruct(jnp.shape(a), dtype) for a in parts]

    def join(values: Callable[..., Array]) -> Array:
        return jnp.concatenate(list(map(values, parts, like)), axis)

    def factor(n: int) -> Array:
        return join(lambda a, like: _factor(a, n, like))

    nothing = [np.full(a.shape, -1) for a in like]
    pairs = zip(parts, nothing, strict=True)
    entries = [a.entries if isinstance(a, Affine) else none for a, none in pairs]
    factors = {n: factor(n) for n in _leaves(affine)}
    return Affine(factors, join(_shift), np.concatenate(entries, axis), dtype)


def widest(values: Sequence[Any]) -> Any:
    """Gives the dtype that holds them all, however strict JAX is about mixing them."""
    return reduce(np.promote_types, [a.dtype for a in values])


def _leaves(values: Sequence[Affine]) -> list[int]:
    return list(dict.fromkeys(n for a in values for n in a.factors))


def _factor(a: Any, n: int, like: jax.ShapeDtypeStruct) -> Array:
    if not isinstance(a, Affine) or n not in a.factors:
        return jnp.zeros(like.shape, like.dtype)
    return _full(a.factors[n], 1, like)


def _shift(a: Any, like: jax.ShapeDtypeStruct) -> Array:
    return _full(a.shift if isinstance(a, Affine) else a, 0, like)


def _full(a: Any, otherwise: float, like: jax.ShapeDtypeStruct) -> Array:
    a = _cast(otherwise if a is None else a, like.dtype)
    return jnp.broadcast_to(a, like.shape)


def _sum(a: Any, b: Any, dtype: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return _cast(a, dtype) + _cast(b, dtype)


def _same_entries(*values: Affine) -> np.ndarray:
    """What all read; where one reads nothing, what the others do."""
    entries = values[0].entries
    for other in (a.entries for a in values[1:]):
        if np.any((entries != other) & (entries >= 0) & (other >= 0)):
            raise NotAffineError("entries of the carry meet others")
        entries = np.where(entries < 0, other, entries)
    return entries


def _check_alone(eqn: JaxprEqn, *values: Affine) -> None:
    if any(a.least is not None for a in values):
        raise NotAffineError(f"`{eqn.primitive.name}` follows a `max` with the carry")


def _widened(a: Affine, dtype: Any) -> Affine:
    def wide(b: Any) -> Any:
        return None if b is None else _cast(b, dtype)

    factors = {n: wide(f) for n, f in a.factors.items()}
    return Affine(factors, wide(a.shift), a.entries, dtype, wide(a.least))


def _cast(a: Any, dtype: Any) -> Any:
    return jax.lax.convert_element_type(a, dtype)


_RULES: dict[str, Callable[..., Affine]] = {
    "add": _add,
    "add_any": _add,
    "concatenate": _concatenate,
    "convert_element_type": _convert,
    "copy": _copy,
    "copy_p": _copy,
    "div": _divide,
    "max": _maximum,
    "mul": _multiply,
    "neg": _negate,
    "select_n": _select,
    "sub": _subtract,
}

_MIXES = {
    "dot_general",
    "conv_general_dilated",
    "reduce_sum",
    "cumsum",
    "sort",
    "gather",
}
