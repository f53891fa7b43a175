"""Pieces of scales over chords, in all major keys."""

import numpy as np

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])  # Half tones of a major scale.
CADENCE = (0, 3, 4, 0, 5, 3, 4, 0)  # The steps that chords stand on.


def make_pieces(count: int = 120, *, seed: int = 0) -> list[list[np.ndarray]]:
    """Makes piano rolls ``[64, 88]``: training, validation and test.

    Example:
      >>> train, valid, test = make_pieces(10)
      >>> len(train), train[0].shape
      (8, (64, 88))
    """
    rng = np.random.default_rng(seed)
    pieces = [_piece(rng) for _ in range(count)]
    cuts = 8 * count // 10, 9 * count // 10
    return [pieces[: cuts[0]], pieces[cuts[0] : cuts[1]], pieces[cuts[1] :]]


def _piece(rng: np.random.Generator) -> np.ndarray:
    """A chord for eight frames, and over it a melody that goes by steps."""
    roll, tonic = np.zeros((64, 88), np.uint8), rng.integers(24, 36)
    step = 14
    for t in range(64):
        root = CADENCE[t // 8]
        chord = tonic + _half_tones(root + np.array([0, 2, 4]))
        step = np.clip(step + rng.integers(-1, 2), 9, 22)
        roll[t, chord] = roll[t, tonic + _half_tones(np.array([step]))] = 1
    return roll


def _half_tones(steps: np.ndarray) -> np.ndarray:
    return SCALE[steps % 7] + 12 * (steps // 7)


__all__ = ["make_pieces"]
