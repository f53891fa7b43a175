"""Vowels made of two formants, and their cepstra."""

import numpy as np

# First and second formant in hertz, about as in Peterson and Barney's means for men
# (Control methods used in a study of the vowels, 1952).
FORMANTS = {
    "a": (730, 1090),
    "e": (530, 1840),
    "i": (270, 2290),
    "o": (570, 840),
    "u": (300, 870),
}
Part = tuple[list[np.ndarray], np.ndarray]


def make_vowels(count: int = 1000, *, seed: int = 0) -> tuple[Part, Part, Part]:
    """Makes cepstra ``[T, 12]`` with their vowels: training, validation and test.

    Example:
      >>> train, valid, test = make_vowels(100)
      >>> len(train[0]), train[0][0].shape[-1]
      (80, 12)
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(FORMANTS), count)
    sequences = [_vowel(rng, *list(FORMANTS.values())[n]) for n in labels]
    cuts = np.split(np.arange(count), [8 * count // 10, 9 * count // 10])
    one, two, three = (([sequences[n] for n in cut], labels[cut]) for cut in cuts)
    return one, two, three


def _vowel(rng: np.random.Generator, first: float, second: float) -> np.ndarray:
    """Log spectra of two resonances that drift a little, as cosine transforms."""
    steps, speaker = rng.integers(7, 30), rng.normal(1, 0.12)
    glide = 1 + 0.05 * np.cumsum(rng.normal(size=(steps, 1)), 0) / steps**0.5
    hertz = np.linspace(100, 4000, 32)
    peaks = [
        np.exp(-(((hertz - f * speaker * glide) / 250) ** 2)) for f in (first, second)
    ]
    spectrum = np.log(0.05 + peaks[0] + 0.7 * peaks[1])
    spectrum += rng.normal(0, 0.4, spectrum.shape)
    basis = np.cos(np.pi * np.outer(np.arange(1, 13), np.arange(32) + 0.5) / 32)
    return (spectrum @ basis.T / 32).astype(np.float32)


__all__ = ["make_vowels"]
