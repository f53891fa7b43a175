"""What binds the parts of a checkpoint: one digest over state, facts, step and run."""

import hashlib
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from recur.types import PyTree


def state_digest(state: PyTree) -> str:
    """SHA-256 of the structure, dtypes, shapes and bits of a pytree of arrays.

    Example:
      >>> state_digest([jnp.zeros(2)]) == state_digest([jnp.zeros(2)])
      True
      >>> state_digest([jnp.zeros(2)]) == state_digest([-jnp.zeros(2)])
      False
    """
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(state):
        kind = getattr(leaf, "dtype", None)
        if kind is not None and jnp.issubdtype(kind, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        head = f"{jax.tree_util.keystr(path)} {kind} {array.dtype} {array.shape}\n"
        digest.update(head.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def facts_digest(facts: Any) -> str:
    """SHA-256 of plain JSON, whatever the order of its names.

    Example:
      >>> facts_digest({"a": 1, "b": (2,)}) == facts_digest({"b": [2], "a": 1})
      True
    """
    plain = json.loads(json.dumps(facts))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def make_seal(*, step: int, run: str, state: PyTree, facts: Any) -> dict[str, Any]:
    """Says what a checkpoint holds, as plain JSON.

    Example:
      >>> seal = make_seal(step=3, run="a", state=jnp.zeros(2), facts={})
      >>> is_whole(seal), is_whole({**seal, "step": 4})
      (True, False)
    """
    parts = {
        "step": step,
        "run": run,
        "state": state_digest(state),
        "facts": facts_digest(facts),
    }
    return {**parts, "whole": facts_digest(parts)}


def is_whole(seal: Any) -> bool:
    """Whether a seal is as :func:`make_seal` made it.

    Example:
      >>> is_whole({"step": 3}), is_whole("seal")
      (False, False)
    """
    if not isinstance(seal, dict):
        return False
    parts = {name: value for name, value in seal.items() if name != "whole"}
    whole = {"step", "run", "state", "facts"} == set(parts)
    return whole and seal.get("whole") == facts_digest(parts)


__all__ = ["facts_digest", "is_whole", "make_seal", "state_digest"]
