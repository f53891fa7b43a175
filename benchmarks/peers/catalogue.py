"""Which peers there are, and whether they are installed here."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from benchmarks.peers.peer import Peer
from benchmarks.peers.unrolled import Unrolled
from recur._distribution import NAME


class Entry(NamedTuple):
    """Where a peer is found: its module here, and what must be installed for it.

    ``unrolled`` are those whose steps are rolled by ``recur.unroll``.
    """

    module: str
    distributions: tuple[str, ...]
    about: str
    unrolled: bool = False


LIBRARIES = {
    "recur": Entry("recur_roll", (NAME,), "this library"),
    "plain": Entry("plain_scan", (NAME,), "jax.lax.scan of this library's steps"),
    "flax": Entry("flax_linen", ("flax",), "Flax Linen, nn.RNN"),
    "nnx": Entry("flax_nnx", ("flax",), "Flax NNX, nnx.RNN"),
    "haiku": Entry("dm_haiku", ("dm-haiku",), "Haiku, hk.dynamic_unroll"),
    "equinox": Entry("equinox_nn", ("equinox",), "Equinox, vmap and scan of its cells"),
    "keras": Entry("keras_layers", ("keras",), "Keras 3 on JAX"),
    "torch": Entry("torch_nn", ("torch",), "PyTorch, torch.nn (oneDNN, cuDNN)"),
    "onnxruntime": Entry(
        "onnx_runtime", ("onnxruntime", "onnx"), "ONNX Runtime, inference only"
    ),
}
"""A further peer is one more row, and one more file beside this one."""

CATALOGUE = LIBRARIES | {
    "user": Entry("user_steps", (NAME,), "steps written by hand, jax.lax.scan"),
}
STEPPED = ("user", "flax", "haiku", "equinox")
"""Those whose steps :mod:`recur` can roll without knowing them."""

CATALOGUE |= {
    f"{name}-unroll": CATALOGUE[name]._replace(
        about=f"steps of {name} as they are, recur.unroll", unrolled=True
    )
    for name in STEPPED
}

# What one word stands for.
GROUPS = {
    "all": tuple(LIBRARIES),
    "steps": tuple(n for name in STEPPED for n in (name, f"{name}-unroll")),
}

OURS, PLAIN = "recur", "plain"


class Absent(Exception):
    """Says why something that was asked for is not here."""


def load_peer(name: str) -> Peer:
    """Imports a peer.

    Raises:
      Absent: If a library it needs is not installed, or does not import.
    """
    entry = CATALOGUE[name]
    missing = [d for d in entry.distributions if not _installed(d)]
    if missing:
        raise Absent(f"not installed; pip install {' '.join(missing)}")
    try:
        peer = importlib.import_module(f"benchmarks.peers.{entry.module}").PEER
    except Exception as error:  # A broken installation may raise anything.
        raise Absent(f"does not import: {type(error).__name__}: {error}") from error
    return Unrolled(peer) if entry.unrolled else peer


def _installed(distribution: str) -> bool:
    try:
        return bool(version(distribution))
    except PackageNotFoundError:
        return False
