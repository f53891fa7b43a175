"""Sentences as words."""

import re


def words(text: str) -> list[str]:
    """Splits a sentence into lower-cased words and punctuation.

    Example:
      >>> words("Zwei Hunde, die spielen.")
      ['zwei', 'hunde', ',', 'die', 'spielen', '.']
    """
    return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text.lower())


__all__ = ["words"]
