"""Little is computed here, and much compiled; nothing, where optax is not installed."""

import importlib.util

from tests.compiling import as_users_compile, little_optimisation

__all__ = ["as_users_compile", "little_optimisation"]

# The extra ``train`` installs it; without, there is nothing to test.
collect_ignore_glob = [] if importlib.util.find_spec("optax") else ["test_*.py"]
