"""Random DNA with motifs planted in its middle."""

import numpy as np

# What is often there where an intron begins, and where it ends; ``*`` is any letter.
DONOR, ACCEPTOR = "*AGGTAAGT", "TTTT*CTTTT*CAGG"


def make_sequences(count: int = 2000, *, seed: int = 0) -> list[tuple[str, str]]:
    """Makes pairs of 60 nucleotides and ``"EI"``, ``"IE"`` or ``"N"``.

    Of each planted letter one in five is another, so that none can be relied on.

    Example:
      >>> pairs = make_sequences(30)
      >>> sorted({kind for _, kind in pairs}), len(pairs[0][0])
      (['EI', 'IE', 'N'], 60)
    """
    rng = np.random.default_rng(seed)
    motifs = {"EI": (DONOR, 27), "IE": (ACCEPTOR, 16), "N": ("", 0)}

    def one(kind: str) -> tuple[str, str]:
        letters, (motif, start) = rng.choice(list("ACGT"), 60), motifs[kind]
        for n, letter in enumerate(motif, start):
            if letter != "*" and rng.random() < 0.8:
                letters[n] = letter
        return "".join(letters), kind

    kinds = rng.choice(list(motifs), count, p=[0.25, 0.25, 0.5]).tolist()
    return [one(kind) for kind in kinds]


__all__ = ["make_sequences"]
