"""Little is computed here, and much compiled."""

from tests.compiling import as_users_compile, little_optimisation

__all__ = ["as_users_compile", "little_optimisation"]
