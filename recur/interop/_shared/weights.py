"""Arrays of other libraries as weights: of which type, dtype and shape."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from recur._checks import describe
from recur.types import Array

Weight: TypeAlias = jax.Array | np.ndarray
"""An array as another library gives it, in its memory."""

DTYPES = ("float32", "bfloat16", "float16", "float64")


def as_weight(where: str, name: str, value: Any) -> Weight:
    """Refuses what is no array of weights; gives it as it came.

    Nothing is copied here: of an array that does not fit, such as one that a few bytes
    are repeated in, a copy could take all memory. :func:`take_weights` copies.

    Example:
      >>> as_weight("doc", "w", np.ones(2, np.int8))
      Traceback (most recent call last):
      TypeError: doc: w is int8[2]; expected one of float32, bfloat16, float16, ...
    """
    if not isinstance(value, (jax.Array, np.ndarray)):
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected an array of weights."
        )
    if str(value.dtype) not in DTYPES:
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected one of {', '.join(DTYPES)}"
            ". Convert it, or dequantise the model, first."
        )
    if jax.dtypes.canonicalize_dtype(value.dtype) != value.dtype:
        raise ValueError(
            f"{where}: {name} is {describe(value)}, which JAX would round to float32; "
            "expected its 64-bit mode. Call jax.config.update('jax_enable_x64', True), "
            "or convert the model to float32 first."
        )
    return value


def take_weights(
    where: str, arrays: Mapping[str, Weight], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Makes JAX arrays, with a memory of their own, of weights that fit.

    Example:
      >>> take_weights("doc", {"b": np.ones(2, np.float16)}, {"b": (2,)})
      {'b': Array([1., 1.], dtype=float16)}
    """
    check_weights(where, arrays, shapes)
    return {name: own(w) for name, w in arrays.items()}


def own(array: Weight) -> Array:
    """Makes a JAX array of a NumPy or JAX array, with a memory of its own."""
    return array if isinstance(array, jax.Array) else jnp.array(array, copy=True)


def check_weights(
    where: str, arrays: Mapping[str, Weight], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuses weights that lack, are too many, or differ from the shapes of a model."""
    if arrays.keys() != shapes.keys():
        missing = sorted(shapes.keys() - arrays.keys())
        unknown = sorted(arrays.keys() - shapes.keys())
        raise ValueError(
            f"{where}: the names of the weights differ from those of a model: missing "
            f"{_few(missing)}; unknown {_few(unknown)}. Pass those of one whole model."
        )
    for name, shape in shapes.items():
        if tuple(arrays[name].shape) != shape or 0 in shape:
            raise ValueError(
                f"{where}: {name} is {describe(arrays[name])}; expected the shape "
                f"{shape}, beside the other weights, and no axis of 0. Pass those of "
                "one whole model."
            )
    check_one_dtype(where, arrays)


def check_one_dtype(where: str, arrays: Mapping[str, Weight]) -> None:
    """Refuses weights of different precisions, which one cell cannot hold."""
    dtypes = sorted({str(w.dtype) for w in arrays.values()})
    if len(dtypes) > 1:
        raise ValueError(
            f"{where}: the weights are {' and '.join(dtypes)}; expected one dtype. "
            "Convert them to one first."
        )


def check_rank(where: str, name: str, value: Weight, rank: int) -> None:
    """Refuses weights from whose shape sizes cannot be read."""
    if value.ndim != rank or 0 in value.shape:
        raise ValueError(
            f"{where}: {name} is {describe(value)}; expected {rank} axes, none of 0."
        )


def check_zero(where: str, name: str, value: Array | None, remedy: str) -> None:
    """Refuses numbers that the other side has no place for."""
    if value is not None and bool(jnp.any(value != 0)):
        raise ValueError(
            f"{where}: {name} is not zero; expected zeros, as the other side has no "
            f"place for it. {remedy}"
        )


def _few(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return shown or "none"
