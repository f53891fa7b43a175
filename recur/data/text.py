"""Text as numbers: reading it, its vocabulary, and windows for training."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recur.types import Array


class Corpus(NamedTuple):
    """A text as class numbers, its first part for training and the rest to validate."""

    vocabulary: str
    train: np.ndarray
    valid: np.ndarray
    digest: str


def python_documentation() -> str:
    """Returns the language reference that every Python carries, 465 kB of English.

    Example:
      >>> len(python_documentation()) > 400_000
      True
    """
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


def read_text(path: str | Path) -> str:
    """Reads a UTF-8 file.

    Args:
      path: The file.

    Returns:
      Its text.

    Raises:
      ValueError: If there is no such file, or it is not UTF-8.

    Example:
      >>> read_text("no such file")
      Traceback (most recent call last):
      ValueError: text: 'no such file' cannot be read (No such file or directory); ...
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ValueError(
            f"text: '{path}' cannot be read ({error.strerror}); expected the path of a "
            "UTF-8 text file. Check the path."
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"text: '{path}' is not UTF-8 (byte {error.start}); expected a UTF-8 text "
            "file. Convert it, for example with iconv -t UTF-8."
        ) from None


def make_corpus(text: str, *, window: int, valid_fraction: float = 0.1) -> Corpus:
    """Numbers the characters of a text and splits it.

    Args:
      text: The text.
      window: Steps of one training window; the validation part must hold one.
      valid_fraction: Share of the text, at its end, to validate on.

    Returns:
      The corpus; the vocabulary is the sorted set of characters.

    Raises:
      ValueError: If the text is too short.

    Example:
      >>> corpus = make_corpus("abracadabra" * 10, window=4)
      >>> corpus.vocabulary, corpus.train.shape, corpus.valid.shape
      ('abcdr', (99,), (11,))
    """
    needed = int(np.ceil((window + 1) / valid_fraction))
    if len(text) < needed:
        raise ValueError(
            f"text: {len(text)} characters came; expected at least {needed} for a "
            f"window of {window}. Give a longer text or a smaller window."
        )
    vocabulary = "".join(sorted(set(text)))
    ids = encode(vocabulary, text)
    cut = len(ids) - int(len(ids) * valid_fraction)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Corpus(vocabulary, ids[:cut], ids[cut:], digest)


def encode(vocabulary: str, text: str, *, name: str = "text") -> np.ndarray:
    """Turns characters into their places in the vocabulary.

    Args:
      vocabulary: Distinct characters.
      text: Characters, one at least, all of them in the vocabulary.
      name: What a message calls them.

    Returns:
      Class numbers, int32 ``[len(text)]``.

    Raises:
      ValueError: If there is none, or one that is not in the vocabulary.

    Example:
      >>> encode("abc", "cab")
      array([2, 0, 1], dtype=int32)
    """
    place = {character: n for n, character in enumerate(vocabulary)}
    if not text:
        raise ValueError(f"{name}: it is empty; expected one character or more.")
    if unknown := sorted(set(text) - set(place)):
        raise ValueError(
            f"{name}: the characters {unknown} are not in the vocabulary; expected "
            f"some of the {len(place)} of the training text. Leave them out."
        )
    return np.fromiter((place[character] for character in text), np.int32, len(text))


def decode(vocabulary: str, ids: Array | np.ndarray) -> str:
    """Turns class numbers back into characters.

    Example:
      >>> decode("abc", np.array([2, 0, 1]))
      'cab'
    """
    return "".join(vocabulary[n] for n in np.asarray(ids).tolist())


def window_at(ids: Array, position: Array, *, rows: int, window: int) -> Array:
    """Cuts the window at ``position`` out of each of ``rows`` readers of one text.

    The readers start evenly spaced, walk on together, and go round at the end of the
    text, so that successive windows continue each other for ever.

    Args:
      ids: Class numbers of the text, ``[N]``.
      position: Steps taken since the start.
      rows: Number of readers, the batch size ``B``.
      window: Steps ``T`` to predict.

    Returns:
      ``[T + 1, B]``: the inputs are all but the last step, the labels all but the
      first.

    Example:
      >>> window_at(jnp.arange(10), 4, rows=2, window=3).T
      Array([[4, 5, 6, 7],
             [9, 0, 1, 2]], dtype=int32)
    """
    starts = jnp.arange(rows) * (len(ids) // rows)
    steps = jax.lax.broadcasted_iota(jnp.int32, (window + 1, rows), 0)
    return ids[(steps + starts[None] + position) % len(ids)]


__all__ = [
    "Corpus",
    "decode",
    "encode",
    "make_corpus",
    "python_documentation",
    "read_text",
    "window_at",
]
