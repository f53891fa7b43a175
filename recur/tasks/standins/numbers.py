"""Numbers in English words, and their digits: a language that is easily made up."""

import numpy as np

ONES = tuple(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen "  # noqa: SIM905
    "fourteen fifteen sixteen seventeen eighteen nineteen".split()
)
TENS = tuple("twenty thirty forty fifty sixty seventy eighty ninety".split())  # noqa: SIM905


def in_words(number: int) -> str:
    """Writes a number below a million in words.

    Example:
      >>> in_words(20_315)
      'twenty thousand three hundred fifteen'
    """
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f" {ONES[ones]}" if ones else "")
    unit, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    many, rest = divmod(number, unit)
    return f"{in_words(many)} {name}" + (f" {in_words(rest)}" if rest else "")


def make_pairs(count: int = 4000, *, seed: int = 0) -> list[list[tuple[str, str]]]:
    """Makes pairs of words and digits: training, validation and test.

    Example:
      >>> train, valid, test = make_pairs(100)
      >>> len(train), len(test)
      (90, 5)
    """
    rng = np.random.default_rng(seed)
    # Of every size as many, and none twice.
    numbers = dict.fromkeys(int(10 ** rng.uniform(0, 6)) for _ in range(4 * count))
    chosen = rng.permutation(list(numbers))[:count]
    pairs = [(in_words(int(n)), " ".join(str(n))) for n in chosen]
    cuts = 90 * len(pairs) // 100, 95 * len(pairs) // 100
    return [pairs[: cuts[0]], pairs[cuts[0] : cuts[1]], pairs[cuts[1] :]]


__all__ = ["in_words", "make_pairs"]
