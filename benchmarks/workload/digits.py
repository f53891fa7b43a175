"""MNIST read row by row: 28 steps of 28 pixels, and which digit it was."""

import gzip
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}


class Images(NamedTuple):
    """Pictures ``[N, 28, 28]`` of bytes and their digits ``[N]``."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Digits:
    """Ten digits told apart at the last of 28 rows; a guess is wrong nine in ten.

    Args:
      folder: Where the folder ``mnist`` lies, by default the variable ``RECUR_DATA``.

    Example:
      >>> Digits("/nowhere").load()
      Traceback (most recent call last):
      ValueError: mnist: no folder '/nowhere/mnist' with the four files of MNIST; ...
    """

    folder: str | None = None
    name: ClassVar[str] = "mnist"
    score_name: ClassVar[str] = "share of digits wrong"
    length: int = 28
    input_size: int = 28
    output_size: int = 10
    floor: float = 0.8865  # always 1, the most frequent digit
    solved: float = 0.1

    def load(self) -> dict[str, Images]:
        """Reads the pictures.

        Raises:
          ValueError: If they are not there.
        """
        root = self.folder or os.environ.get("RECUR_DATA")
        folder = Path(root or "RECUR_DATA") / "mnist"
        wanted = [name for names in FILES.values() for name in names]
        if not all((folder / name).is_file() for name in wanted):
            raise ValueError(
                f"mnist: no folder '{folder}' with the four files of MNIST; expected "
                "them as published, gzipped. Say where with --data or RECUR_DATA."
            )
        parts = FILES.items()
        return {
            part: Images(*(_read(folder / n) for n in names)) for part, names in parts
        }

    def draw(
        self, data: dict[str, Images], key: Array, batch: int, *, test: bool
    ) -> tuple[Array, Array]:
        """Draws pictures as sequences of rows, and their digits."""
        images = data["test" if test else "train"]
        chosen = jax.random.randint(key, (batch,), 0, images.labels.shape[0])
        pixels = jnp.asarray(images.pixels)[chosen].astype(jnp.float32) / 255
        return jnp.swapaxes(pixels, 0, 1), jnp.asarray(images.labels)[chosen]

    def losses(self, ys: Array, targets: Array) -> Array:
        """Cross-entropy at the last row, in nats."""
        logs = jax.nn.log_softmax(ys[-1])
        labels = targets.astype(jnp.int32)[:, None]
        return -jnp.take_along_axis(logs, labels, axis=-1)[:, 0]

    def score(self, ys: Array, targets: Array) -> Array:
        """Share of digits that are wrong."""
        return jnp.mean(jnp.argmax(ys[-1], axis=-1) != targets.astype(jnp.int32))


def _read(path: Path) -> np.ndarray:
    """Reads one file of the IDX format: magic, the sizes of the axes, the bytes."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", count=axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
