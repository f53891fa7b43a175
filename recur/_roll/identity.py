"""Which steps are values, and so may name the program of their roll.

A step that is equal to another whenever it does the same can be compiled once. An
object whose weights or settings change in place is equal to itself whatever they are:
its roll is traced each time, as ``jax.lax.scan`` does.
"""

import dataclasses
import threading
import types
import weakref
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

import jax
import numpy as np

from recur._roll.notes import taking_notes

FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    partial,
    np.ufunc,
    jax.custom_jvp,
    jax.custom_vjp,
    type(jax.jit(lambda: None)),
    type(jax.numpy.add),
)
"""What is equal to itself alone, and is taken not to change, as ``lax.scan`` does."""

_MODULE = (types.ModuleType, type(None))

CONSTANTS = (bool, int, float, complex, str, bytes, type, type(None), np.dtype, Enum)


class Identity:
    """Names a step by what it is made of.

    Args:
      step: Any step.

    Example:
      >>> one, two = (Identity(LSTM(4).step) for _ in range(2))
      >>> one.name == two.name, Identity([].append).name
      (True, None)
    """

    name: Any
    """Hashable; ``None`` for what may change."""

    functions: list[Any]
    """What it names by identity; the name is good as long as these exist."""

    def __init__(self, step: Any) -> None:
        self.functions = []
        try:
            self.name = self._name(step)
        except _MayChangeError:
            self.name = None

    def _name(self, a: Any) -> Any:
        if isinstance(a, types.MethodType):
            return "method", self._name(a.__func__), self._name(a.__self__)
        of_an_object = not isinstance(getattr(a, "__self__", None), _MODULE)
        if isinstance(a, FUNCTIONS) and not of_an_object:
            self.functions.append(a)
            return "function", id(a)
        if isinstance(a, CONSTANTS):
            return type(a), a
        if isinstance(a, tuple):
            return type(a), *map(self._name, a)
        if _is_frozen(a):
            return type(a), *(self._name(getattr(a, name)) for name in _fields(a))
        raise _MayChangeError


class _MayChangeError(Exception):
    """A step holds an object that may change in place."""


class Programs:
    """Compiled forms of one function of a step, each as long as its step may exist.

    Args:
      function: ``(step, *args, **static)``.
      static: Names of its static arguments.

    Example:
      >>> programs = Programs(lambda step, x: step(x), static=())
      >>> programs(jnp.sin, 0.0)
      Array(0., dtype=float32, weak_type=True)
    """

    def __init__(self, function: Callable, static: tuple[str, ...]) -> None:
        self._function = function
        self._static = static
        self._programs: dict[Any, _Program] = {}

    def __call__(self, step: Any, *args: Any, **static: Any) -> Any:
        """Calls the function, compiled once for all steps that are equal."""
        identity = Identity(step)
        if identity.name is None or taking_notes():
            return self._function(step, *args, **static)
        if identity.name not in self._programs:
            self._programs[identity.name] = _Program(self._function, self._static)
            for function in identity.functions:
                forget = partial(self._programs.pop, identity.name, None)
                weakref.finalize(function, forget).atexit = False
        return self._programs[identity.name](step, *args, **static)


class _Program:
    """A compiled function that is handed its step while it is traced, and no longer.

    Were the step an argument, the program would keep alive all that it closes over.
    """

    def __init__(self, function: Callable, static: tuple[str, ...]) -> None:
        self._now = threading.local()

        def run(*args: Any, **options: Any) -> Any:
            return function(self._now.step, *args, **options)

        self._run = jax.jit(run, static_argnames=static)

    def __call__(self, step: Any, *args: Any, **options: Any) -> Any:
        before = getattr(self._now, "step", None)
        self._now.step = step
        try:
            return self._run(*args, **options)
        finally:
            self._now.step = before


def _is_frozen(a: Any) -> bool:
    """Whether this is an instance of a frozen dataclass, without further attributes."""
    if not dataclasses.is_dataclass(a) or isinstance(a, type):
        return False
    frozen = a.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
    return frozen and vars(a).keys() <= set(_fields(a))


def _fields(a: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(a)]


__all__ = ["Identity", "Programs"]
