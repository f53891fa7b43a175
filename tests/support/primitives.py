"""What each primitive of JAX means, in NumPy.

Of a primitive that is not here, JAX is asked itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from tests.support import indexing

Meaning = Callable[..., Any]


def meaning(eqn: Any) -> Meaning:
    """``(*inputs) -> output`` of an equation, or outputs."""
    name = eqn.primitive.name
    if name in ENTRIES:
        half = any(v.aval.dtype in HALF for v in eqn.invars)
        return partial(_half, ENTRIES[name]) if half else ENTRIES[name]
    return partial(MEANING[name], eqn.params) if name in MEANING else by_jax(eqn)


def by_jax(eqn: Any) -> Meaning:
    """Asks JAX for one operation: a jaxpr of it alone."""
    names = [v for v in eqn.invars if not isinstance(v, core.Literal)]
    nothing = jax.make_jaxpr(lambda: ())().jaxpr
    alone = nothing.replace(invars=names, outvars=eqn.outvars, eqns=[eqn])
    call = core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))

    def run(*inputs: Any) -> Any:
        pairs = zip(eqn.invars, inputs, strict=True)
        given = [jnp.asarray(a) for v, a in pairs if not isinstance(v, core.Literal)]
        outputs = [_in_numpy(a) for a in call(*given)]
        return outputs if eqn.primitive.multiple_results else outputs[0]

    return run


def _in_numpy(a: Any) -> Any:
    return np.asarray(a) if isinstance(a.dtype, np.dtype) else a


HALF = (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))


def _wide(a: Any) -> Any:
    """Half precision is computed in single precision, as XLA does."""
    return a.astype(np.float32) if a.dtype in HALF else a


def _half(function: Callable, *inputs: Any) -> Any:
    return function(*map(_wide, inputs))


def _divided(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":
        return np.trunc(a / b).astype(a.dtype)
    return a / b


ENTRIES: dict[str, Callable] = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "tanh", "exp")},
    **{name: getattr(np, name) for name in ("expm1", "log", "log1p", "sqrt", "sign")},
    **{name: getattr(np, name) for name in ("square", "floor", "ceil", "abs")},
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "atan2": np.arctan2,
    "clamp": lambda low, a, high: np.clip(a, low, high),
    "copy": np.copy,
    "copy_p": np.copy,
    "div": _divided,
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "logistic": lambda a: 1 / (1 + np.exp(-a)),
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "name": lambda a: a,
    "stop_gradient": lambda a: a,
    "ne": np.not_equal,
    "neg": np.negative,
    "not": np.invert,
    "or": np.bitwise_or,
    "pow": np.power,
    "rem": np.fmod,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "sub": np.subtract,
    "xor": np.bitwise_xor,
}


def _integer_pow(params: Any, a: Any) -> Any:
    y = params["y"]
    power = np.prod([_wide(a)] * abs(y), axis=0) if y else np.ones_like(a)
    return power if y >= 0 else 1 / power


def _select(_: Any, which: Any, *choices: Any) -> Any:
    if len(choices) == 2:
        return np.where(which, choices[1], choices[0])
    return np.choose(which, choices)


def _broadcast(params: Any, a: Any, *_: Any) -> Any:
    shape, axes = params["shape"], params["broadcast_dimensions"]
    spread = [1] * len(shape)
    for axis, size in zip(axes, a.shape, strict=True):
        spread[axis] = size
    wide = np.empty(shape, a.dtype)
    wide[...] = a.reshape(spread)
    return wide


def _reshape(params: Any, a: Any) -> Any:
    order = params["dimensions"]
    a = a if order is None else a.transpose(order)
    return a.reshape(params["new_sizes"])


def _slice(params: Any, a: Any) -> Any:
    starts, limits = params["start_indices"], params["limit_indices"]
    strides = params["strides"] or (1,) * a.ndim
    return a[tuple(map(slice, starts, limits, strides))]


def _split(params: Any, a: Any) -> Any:
    return np.split(a, np.cumsum(params["sizes"])[:-1], params["axis"])


def _pad(params: Any, a: Any, value: Any) -> Any:
    """Entries go apart, then edges are added, or cut where less than nothing is."""
    for axis, (low, high, inner) in enumerate(params["padding_config"]):
        a = np.moveaxis(a, axis, 0)
        gap = len(a) + max(0, len(a) - 1) * inner
        size = low + gap + high
        wide = np.full((size, *a.shape[1:]), value, a.dtype)
        at = low + (inner + 1) * np.arange(len(a))
        there = (at >= 0) & (at < size)
        wide[at[there]] = a[there]
        a = np.moveaxis(wide, 0, axis)
    return a


def _start(a: Any, sizes: Any, index: Any) -> tuple[slice, ...]:
    starts = [
        int(np.clip(i, 0, n - size))
        for i, n, size in zip(index, a.shape, sizes, strict=True)
    ]
    return tuple(slice(i, i + n) for i, n in zip(starts, sizes, strict=True))


def _dynamic_slice(params: Any, a: Any, *index: Any) -> Any:
    return a[_start(a, params["slice_sizes"], index)]


def _dynamic_update_slice(_: Any, a: Any, new: Any, *index: Any) -> Any:
    a = np.array(a)
    a[_start(a, new.shape, index)] = new
    return a


def _dot(params: Any, a: Any, b: Any) -> Any:
    (a_sum, b_sum), (a_batch, b_batch) = params["dimension_numbers"]
    kind = params["preferred_element_type"] or a.dtype
    a_axes, b_axes = list(range(a.ndim)), [a.ndim + n for n in range(b.ndim)]
    for n, m in (*zip(a_sum, b_sum, strict=True), *zip(a_batch, b_batch, strict=True)):
        b_axes[m] = a_axes[n]
    batch = [a_axes[n] for n in a_batch]
    free = [n for n in a_axes if n not in batch and n not in [*map(int, a_sum)]]
    free += [v for v in b_axes if v >= a.ndim]
    product = np.einsum(_wide(a), a_axes, _wide(b), b_axes, batch + free)
    return np.asarray(product, kind)


def _reduced(function: Callable) -> Meaning:
    def run(params: Any, a: Any) -> Any:
        result = function(_wide(a), axis=tuple(params["axes"]))
        return np.asarray(result, a.dtype)

    return run


def _least(dtype: Any) -> Any:
    """What a maximum of nothing is."""
    if np.issubdtype(dtype, np.bool_):
        return False
    return -np.inf if jnp.issubdtype(dtype, jnp.inexact) else jnp.iinfo(dtype).min


def _maximum(params: Any, a: Any) -> Any:
    return np.max(a, axis=tuple(params["axes"]), initial=_least(a.dtype))


def _minimum(params: Any, a: Any) -> Any:
    greatest = np.invert(_least(a.dtype)) if a.dtype.kind in "biu" else np.inf
    return np.min(a, axis=tuple(params["axes"]), initial=greatest)


def _converted(params: Any, a: Any) -> Any:
    dtype = params["new_dtype"]
    is_real = not jnp.issubdtype(dtype, jnp.complexfloating)
    return np.asarray(a.real if is_real and np.iscomplexobj(a) else a, dtype)


def _iota(params: Any) -> Any:
    n, shape = params["dimension"], params["shape"]
    line = np.arange(shape[n], dtype=params["dtype"])
    return np.broadcast_to(
        line.reshape([-1 if m == n else 1 for m in range(len(shape))]), shape
    )


MEANING: dict[str, Meaning] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda params, *a: np.concatenate(a, params["dimension"]),
    "convert_element_type": _converted,
    "dot_general": _dot,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "expand_dims": lambda params, a: np.expand_dims(a, params["dimensions"]),
    "gather": indexing.gather,
    "integer_pow": _integer_pow,
    "iota": _iota,
    "optimization_barrier": lambda params, *a: list(a),
    "pad": _pad,
    "reduce_and": _reduced(np.all),
    "reduce_max": _maximum,
    "reduce_min": _minimum,
    "reduce_or": _reduced(np.any),
    "reduce_prod": _reduced(np.prod),
    "reduce_sum": _reduced(np.sum),
    "reshape": _reshape,
    "rev": lambda params, a: np.flip(a, params["dimensions"]),
    "scatter": indexing.scatter(indexing.put),
    "scatter-add": indexing.scatter(indexing.add),
    "select_n": _select,
    "slice": _slice,
    "split": _split,
    "squeeze": lambda params, a: np.squeeze(a, params["dimensions"]),
    "stack": lambda params, *a: np.stack(a, params["axis"]),
    "transpose": lambda params, a: np.transpose(a, params["permutation"]),
    "unstack": lambda params, a: [*np.moveaxis(a, params["axis"], 0)],
}
