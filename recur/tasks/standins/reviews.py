"""Reviews made by a small grammar, in which 'not' turns what follows round."""

import numpy as np

THINGS = ["food", "phone", "movie", "service", "battery", "story", "place", "sound"]
GOOD = ["great", "lovely", "excellent", "reliable", "wonderful", "tasty"]
BAD = ["awful", "boring", "broken", "rude", "terrible", "bland"]
FRAMES = [
    "the {thing} was {view} .",
    "I found the {thing} {view} .",
    "{view} {thing} , as my friend said .",
    "we went there for the {thing} and it was {view} .",
    "honestly the {thing} is {view} !",
]


def make_reviews(count: int = 2000, *, seed: int = 0) -> list[tuple[str, int]]:
    """Makes pairs of a sentence and 1 for pleased, 0 for not.

    Example:
      >>> reviews = make_reviews(10)
      >>> len(reviews), sorted({label for _, label in reviews})
      (10, [0, 1])
    """
    rng = np.random.default_rng(seed)

    def one() -> tuple[str, int]:
        pleased, turned = rng.integers(0, 2, 2)
        word = rng.choice(GOOD if pleased != turned else BAD)
        view = f"not {rng.choice(['very ', 'at all ', ''])}{word}" if turned else word
        told = {"thing": rng.choice(THINGS), "view": view}
        return str(rng.choice(FRAMES)).format(**told), int(pleased)

    return [one() for _ in range(count)]


__all__ = ["make_reviews"]
