"""The device of a case, under a name that type checkers take."""

from typing import Any, TypeAlias

Device: TypeAlias = Any
"""A ``jax.Device``; JAX exports it as a variable, which is no type to a checker."""
