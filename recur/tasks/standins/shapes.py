"""Drawn shapes and what they are called: some pairs of shape and colour held out."""

import numpy as np

COLORS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 80, 220),
    "yellow": (230, 200, 40),
    "black": (20, 20, 20),
}
SHAPES = ("circle", "square", "triangle", "cross", "bar")
SIZES = {"small": 6, "large": 11}


def make_captions(
    count: int = 1500, *, seed: int = 0
) -> list[list[tuple[np.ndarray, str]]]:
    """Makes pairs of an image and its caption: training, validation and test.

    Example:
      >>> train, valid, test = make_captions(50)
      >>> train[0][0].shape
      (32, 32, 3)
    """
    rng = np.random.default_rng(seed)
    pairs = [(color, shape) for color in COLORS for shape in SHAPES]
    held_out = {pairs[n] for n in (0, 6, 12, 18, 24)}
    parts: list[list[tuple[np.ndarray, str]]] = [[], [], []]
    for _ in range(count):
        color, shape = pairs[rng.integers(len(pairs))]
        size = str(rng.choice(list(SIZES)))
        image = _draw(rng, shape, COLORS[color], SIZES[size])
        part = rng.integers(1, 3) if (color, shape) in held_out else 0
        parts[part].append((image, f"a {size} {color} {shape}"))
    return parts


def _draw(
    rng: np.random.Generator, shape: str, color: tuple[int, int, int], size: int
) -> np.ndarray:
    x, y = rng.integers(size, 32 - size, 2)
    down, right = np.mgrid[:32, :32] - np.array([y, x])[:, None, None]
    inside = {
        "circle": down**2 + right**2 <= size**2,
        "square": np.maximum(abs(down), abs(right)) <= size,
        "triangle": (abs(right) <= (down + size) / 2) & (abs(down) <= size),
        "cross": (np.minimum(abs(down), abs(right)) <= size // 3)
        & (np.maximum(abs(down), abs(right)) <= size),
        "bar": (abs(down) <= size // 3) & (abs(right) <= size),
    }[shape]
    image = np.full((32, 32, 3), 255, np.uint8)
    image[inside] = np.clip(np.array(color) + rng.integers(-20, 21, 3), 0, 255)
    return image


__all__ = ["make_captions"]
