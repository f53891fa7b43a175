"""Symbols as numbers: characters or words, with one number for what is not known."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

UNKNOWN = "<unk>"


@dataclass(frozen=True)
class Vocabulary:
    """Numbers symbols by their place.

    Args:
      symbols: All different; of texts in characters each is one, else a word.
      unknown: The one that stands for all others; without it they are refused.

    Raises:
      ValueError: If a symbol is there twice, or ``unknown`` is none of them.

    Example:
      >>> words = Vocabulary.of([["a", "dog"], ["a", "cat"]], unknown="<unk>", least=2)
      >>> words.symbols, words.encode(["a", "cat"])
      (('<unk>', 'a'), array([1, 0], dtype=int32))
      >>> words.decode([1, 0])
      ['a', '<unk>']
    """

    symbols: tuple[str, ...]
    unknown: str | None = None

    def __post_init__(self) -> None:
        if len(set(self.symbols)) < len(self.symbols):
            twice = [s for s, n in Counter(self.symbols).items() if n > 1]
            raise ValueError(
                f"Vocabulary: symbols has {twice[:5]} more than once; expected each "
                "once. Write Vocabulary.of(sequences)."
            )
        if self.unknown is not None and self.unknown not in self.symbols:
            raise ValueError(
                f"Vocabulary: unknown is {self.unknown!r}; expected one of the symbols."
            )

    @classmethod
    def of(
        cls,
        sequences: Iterable[Sequence[str]],
        *,
        unknown: str | None = None,
        special: Sequence[str] = (),
        least: int = 1,
    ) -> "Vocabulary":
        """Counts the symbols of sequences: the special ones, then the most frequent.

        Args:
          sequences: Texts, in characters, or lists of words.
          unknown: Stands for what is rarer, and for what comes later.
          special: Symbols that have the first numbers, such as ``"<end>"``.
          least: How often a symbol has to be there.
        """
        counts = Counter(symbol for sequence in sequences for symbol in sequence)
        first = [*special, *([] if unknown is None else [unknown])]
        often = sorted(counts, key=lambda s: (-counts[s], s))
        rest = [s for s in often if counts[s] >= least and s not in first]
        return cls((*first, *rest), unknown)

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each symbol."""
        return {symbol: n for n, symbol in enumerate(self.symbols)}

    def encode(self, sequence: Sequence[str], *, name: str = "text") -> np.ndarray:
        """Turns symbols into numbers, int32 ``[T]``.

        Raises:
          ValueError: If there is none, or one that is not known where ``unknown`` is
            not given.
        """
        strange = sorted({s for s in sequence if s not in self.places})
        if not len(sequence) or (strange and self.unknown is None):
            what = "it is empty" if not len(sequence) else f"{strange[:5]} are unknown"
            raise ValueError(
                f"{name}: {what}; expected one or more of {len(self)} symbols, such as "
                f"{' '.join(self.symbols[:5])!r}. Leave the others out."
            )
        other = self.places.get(self.unknown or "", -1)
        numbers = (self.places.get(symbol, other) for symbol in sequence)
        return np.fromiter(numbers, np.int32, len(sequence))

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """Turns numbers back into symbols."""
        return [self.symbols[int(n)] for n in numbers]

    def save(self, path: str | Path) -> None:
        """Writes it as JSON."""
        told = {"symbols": self.symbols, "unknown": self.unknown}
        Path(path).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Reads what :meth:`save` wrote.

        Raises:
          ValueError: If it is something else.
        """
        try:
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            symbols, unknown = told["symbols"], told["unknown"]
            strings = [*symbols, *([] if unknown is None else [unknown])]
            if not all(isinstance(s, str) for s in strings):
                raise TypeError
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"Vocabulary.load: '{path}' holds no vocabulary "
                f"({type(error).__name__}); expected a file that save wrote."
            ) from None
        return cls(tuple(symbols), unknown)


__all__ = ["Vocabulary"]
