"""Nothing is collected where optax, which the extra ``train`` installs, is not."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("optax") else ["test_*.py"]
