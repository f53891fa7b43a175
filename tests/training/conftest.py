"""Without optax, which the extra ``train`` installs, there is nothing to test here."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("optax") else ["test_*.py"]
