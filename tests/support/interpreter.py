"""What a traced function means, computed by NumPy, operation by operation.

Compiling is nearly all that a law costs, and few laws ask anything of the compiler.
Whatever JAX makes of a function (its gradient, its Hessian, its vmap) is a jaxpr, and
NumPy walks it in milliseconds: the jaxpr itself is what the law is held to. That it
means the same to XLA is checked on every row where programs are compiled as users
compile them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from jax.extend import core

from tests.support.primitives import meaning

CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr"}
CALLS |= {"core_call": "call_jaxpr", "remat2": "jaxpr", "checkpoint": "jaxpr"}
CALLS |= {"custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr"}


def interpreted(function: Callable) -> Callable:
    """The same function, traced by JAX and computed by NumPy."""
    return lambda *args: traced(function, *args)(*args)


def traced(function: Callable, *like: Any) -> Callable:
    """Traces once, for arguments like these; any arguments like them are computed."""
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*like)
    structure = jax.tree.structure(shapes)

    def run(*args: Any) -> Any:
        leaves = [_in_numpy(a) for a in jax.tree.leaves(args)]
        with np.errstate(all="ignore"):
            return structure.unflatten(_run(closed, leaves))

    return run


def _in_numpy(a: Any) -> Any:
    extended = isinstance(a, jax.Array) and not isinstance(a.dtype, np.dtype)
    return a if extended else np.asarray(a, jax.typeof(a).dtype)


def _run(closed: Any, args: Sequence[Any]) -> list[Any]:
    """Runs a closed jaxpr."""
    known = _prepared(closed)
    values = known.first.copy()
    values[: len(args)] = args
    for operation, alone, reads, writes, kinds in known.body:
        results = operation(*[values[n] for n in reads])
        results = (results,) if alone else results
        for n, result, (shape, dtype) in zip(writes, results, kinds, strict=True):
            if result.dtype is not dtype and dtype is not None:
                result = np.asarray(result, dtype)
            # What JAX says of shapes and dtypes is part of what is checked.
            assert result.shape == shape, f"{result.shape}, not {shape}"
            values[n] = result
    return [values[n] for n in known.results]


class _Prepared:
    """Where values stand, and operations with what they read and write.

    Loops and examples run the same ones often. Nested calls are laid open.
    """

    def __init__(self, closed: Any) -> None:
        self.first: list[Any] = []
        self.body: list[tuple[Any, ...]] = []
        places = {v: self._place(None) for v in closed.jaxpr.invars}
        self.results = self._lay_open(closed, places)

    def _place(self, value: Any) -> int:
        self.first.append(value)
        return len(self.first) - 1

    def _lay_open(self, closed: Any, places: dict[Any, int]) -> list[int]:
        jaxpr = closed.jaxpr
        for v, a in zip(jaxpr.constvars, closed.consts, strict=True):
            places[v] = self._place(_in_numpy(a))
        for eqn in jaxpr.eqns:
            reads = [self._read(v, places) for v in eqn.invars]
            if eqn.primitive.name in CALLS:
                inner = _closed(eqn.params[CALLS[eqn.primitive.name]])
                within = dict(zip(inner.jaxpr.invars, reads, strict=True))
                writes = self._lay_open(inner, within)
            else:
                writes = [self._place(None) for _ in eqn.outvars]
                self._add(eqn, reads, writes)
            places.update(zip(eqn.outvars, writes, strict=True))
        return [self._read(v, places) for v in jaxpr.outvars]

    def _read(self, v: Any, places: dict[Any, int]) -> int:
        if isinstance(v, core.Literal):
            return self._place(np.asarray(v.val, v.aval.dtype))
        return places[v]

    def _add(self, eqn: Any, reads: list[int], writes: list[int]) -> None:
        loop, alone = LOOPS.get(eqn.primitive.name), not eqn.primitive.multiple_results
        operation = partial(loop, eqn.params) if loop else meaning(eqn)
        kinds = [_kind(v.aval) for v in eqn.outvars]
        self.body.append((operation, alone, reads, writes, kinds))


def _kind(aval: Any) -> tuple[Any, Any]:
    return aval.shape, aval.dtype if isinstance(aval.dtype, np.dtype) else None


_prepared = lru_cache(maxsize=4096)(_Prepared)


@lru_cache(maxsize=4096)
def _closed(jaxpr: Any) -> Any:
    return jaxpr if isinstance(jaxpr, core.ClosedJaxpr) else core.ClosedJaxpr(jaxpr, ())


def _counts(params: Any) -> tuple[int, int]:
    """How many operands of a scan are constants and how many its carry."""
    if "num_carry" in params:
        return params["num_consts"], params["num_carry"]
    # Since jax 0.12 they come as trees.
    consts, carry, _ = params["ft_in"].unpack()
    return len(consts.vals), len(carry.vals)


def _scan(params: Any, *args: Any) -> list[Any]:
    fixed, moving = _counts(params)
    consts, carry = list(args[:fixed]), list(args[fixed : fixed + moving])
    xs, length, body = args[fixed + moving :], params["length"], params["jaxpr"]
    shapes = [v.aval for v in body.jaxpr.outvars[moving:]]
    ys = [np.zeros((length, *a.shape), a.dtype) for a in shapes]
    for t in reversed(range(length)) if params["reverse"] else range(length):
        out = _run(body, consts + carry + [x[t] for x in xs])
        carry = out[:moving]
        for stacked, y in zip(ys, out[moving:], strict=True):
            stacked[t] = y
    return [*carry, *ys]


def _while(params: Any, *args: Any) -> list[Any]:
    asked, done = params["cond_nconsts"], params["body_nconsts"]
    of_test, of_body = list(args[:asked]), list(args[asked : asked + done])
    carry = list(args[asked + done :])
    while _run(params["cond_jaxpr"], of_test + carry)[0]:
        carry = _run(params["body_jaxpr"], of_body + carry)
    return carry


def _cond(params: Any, index: Any, *args: Any) -> list[Any]:
    branches = params["branches"]
    return _run(branches[int(np.clip(index, 0, len(branches) - 1))], list(args))


LOOPS = {"scan": _scan, "while": _while, "cond": _cond}
