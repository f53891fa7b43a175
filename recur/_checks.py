"""Refusals that name the argument, what came, what was expected and how to mend it.

All of them look at shapes and dtypes only, so under ``jax.jit`` they cost nothing
once a function is traced.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur._portable import is_symbolic
from recur.types import Array, PyTree


def describe(value: Any) -> str:
    """Says what a value is in a few words: ``float32[2, 3]``, ``int 4``, ``None``."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}[{', '.join(map(str, value.shape))}]"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return f"{type(value).__name__} {value!r}" if value is not None else "None"
    return f"a {type(value).__name__}"


def check_size(where: str, name: str, value: Any) -> None:
    """Refuses anything but a positive integer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        inputs = name == "input_size" and np.ndim(value) > 0
        remedy = " Of inputs xs write xs.shape[-1]." if inputs else ""
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected a positive integer."
            f"{remedy}"
        )
    if value < 1:
        raise ValueError(f"{where}: {name} is {value}; expected a positive integer.")


def check_batch_shape(where: str, batch_shape: Any) -> None:
    """Refuses anything but a tuple of non-negative integers."""
    if not isinstance(batch_shape, (tuple, list)):
        raise TypeError(
            f"{where}: batch_shape is {describe(batch_shape)}; expected a tuple of "
            "sizes. Write () for no batch axis and (32,) for one."
        )
    for size in batch_shape:
        if is_symbolic(size):
            continue
        if not isinstance(size, (int, np.integer)) or size < 0:
            raise ValueError(
                f"{where}: batch_shape is {tuple(batch_shape)}; expected sizes that "
                "are integers of 0 or more."
            )


def check_key(where: str, key: Any) -> None:
    """Refuses anything but one random key, typed or in the older uint32 form."""
    known = isinstance(key, (jax.Array, np.ndarray))
    dtype = key.dtype if known else None
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if typed and key.shape == ():
        return
    if dtype == jnp.uint32 and key.ndim == 1:
        return
    raise TypeError(
        f"{where}: key is {describe(key)}; expected one random key. Make it with "
        "jax.random.key(seed)."
    )


def check_array(where: str, name: str, value: Any) -> None:
    """Refuses anything but an array of floating-point numbers."""
    foreign = hasattr(value, "numpy") and not hasattr(value, "__jax_array__")
    if foreign or not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected an array of JAX or NumPy. "
            f"Convert it with jnp.asarray{f'({name}.numpy())' if foreign else ''}."
        )
    if not jnp.issubdtype(value.dtype, jnp.floating):
        remedy = f"Convert it with {name}.astype(jnp.float32)."
        if name == "x" and jnp.issubdtype(value.dtype, jnp.integer):
            remedy = (
                "Give tokens as vectors, table[tokens] of an embedding or "
                "jax.nn.one_hot; convert other integers with x.astype(jnp.float32)."
            )
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected floating-point numbers. "
            f"{remedy}"
        )


def check_type(where: str, name: str, value: Any, kind: type, maker: str) -> None:
    """Refuses params or a carry that belong to something else."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{where}: {name} is {describe(value)}; expected {kind.__name__}. "
            f"Make it with {maker}."
        )


def check_floating(where: str, name: str, dtype: Any) -> None:
    """Refuses a dtype that is not one of floating-point numbers."""
    try:
        known = None if dtype is None else jnp.dtype(dtype)
    except (TypeError, ValueError):
        known = None
    if known is None or not jnp.issubdtype(known, jnp.floating):
        raise TypeError(
            f"{where}: {name} is {known or describe(dtype)}; expected a floating-point "
            "dtype such as jnp.float32 or jnp.bfloat16."
        )


def check_shape(where: str, name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Refuses an array of another shape than the rest of params and carry ask for."""
    if not hasattr(value, "shape") or tuple(value.shape) != tuple(shape):
        raise ValueError(
            f"{where}: {name} is {describe(value)}; expected the shape {shape}, beside "
            "the other params and the carry. Make all of them with the same sizes."
        )


def check_leading_axes(
    where: str, x: Array, carry: Array, input_size: int, own_axes: int = 1
) -> None:
    """Refuses an input whose last or leading axes fit neither params nor carry."""
    check_array(where, "x", x)
    if x.ndim == 0 or x.shape[-1] != input_size:
        raise ValueError(
            f"{where}: x is {describe(x)}; expected a last axis of {input_size}, the "
            "input size of params. Pass inputs of that size, or make params with "
            f"input_size={x.shape[-1] if x.ndim else 1} (w_ih is [input, gates x H])."
        )
    if x.shape[:-1] != carry.shape[: carry.ndim - own_axes]:
        raise ValueError(
            f"{where}: x is {describe(x)} and the carry {describe(carry)}; expected "
            "the same leading axes. If xs has batch and time the other way round, say "
            f"so with time_major; else make the carry with batch_shape={x.shape[:-1]}."
        )


def check_pair(where: str, result: Any) -> None:
    """Refuses a step that returned anything but a tuple of two."""
    if not isinstance(result, tuple) or len(result) != 2:
        came = f"a tuple of {len(result)}" if isinstance(result, tuple) else None
        raise TypeError(
            f"{where}: step returned {came or describe(result)}; expected the pair "
            "(carry, y). Return y=None if there is no output."
        )


def check_same_carry(where: str, carry: PyTree, new_carry: PyTree) -> None:
    """Refuses a step that changed the structure, a shape or a dtype of its carry."""
    old, new = jax.tree.structure(carry), jax.tree.structure(new_carry)
    if old != new:
        raise TypeError(
            f"{where}: step returned a carry of structure {new}; expected {old}, the "
            "structure of the carry it was given. Return (carry, y), in this order, "
            "with a carry built like the one that came in."
        )
    news = jax.tree.leaves(new_carry)
    for (path, was), now in zip(jax.tree.leaves_with_path(carry), news, strict=True):
        was, now = jax.typeof(was), jax.typeof(now)
        if (was.shape, was.dtype) != (now.shape, now.dtype):
            at = "carry" + jax.tree_util.keystr(path)
            raise TypeError(
                f"{where}: step returned {at} as {describe(now)}; expected "
                f"{describe(was)}, as it came in. Cast or reshape it inside the step, "
                "or start from a carry of that type."
            )


def check_count(where: str, name: str, value: Any, count: int, maker: str) -> None:
    """Refuses anything but a tuple or list with one entry a layer."""
    if not isinstance(value, (tuple, list)) or len(value) != count:
        came = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
        raise TypeError(
            f"{where}: {name} is {describe(value)}{came}; expected a tuple of {count}, "
            f"one entry a layer. Make it with {maker}."
        )


def check_rate(where: str, name: str, rate: Any) -> None:
    """Refuses anything but a probability below 1."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)):
        raise TypeError(
            f"{where}: {name} is {describe(rate)}; expected a number from 0 up to 1."
        )
    if not 0 <= rate < 1:
        raise ValueError(
            f"{where}: {name} is {rate}; expected from 0 up to but not 1, the share of "
            "entries that is dropped."
        )


def check_positive(where: str, name: str, value: Any) -> None:
    """Refuses anything but a number above 0."""
    number = isinstance(value, (int, float, np.floating, np.integer))
    if isinstance(value, bool) or not number or not 0 < value < math.inf:
        raise ValueError(
            f"{where}: {name} is {describe(value)}; expected a finite number above 0."
        )


def check_same_size(where: str, input_size: int, output_size: int) -> None:
    """Refuses a way around a cell that changes the size."""
    if input_size != output_size:
        raise ValueError(
            f"{where}: the input size is {input_size} and the output size of the cell "
            f"{output_size}; expected the same, as both are combined. Choose a cell of "
            f"size {input_size}."
        )
