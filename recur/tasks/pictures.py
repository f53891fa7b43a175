"""Pictures of what an application does, as PNG."""

import io
from collections.abc import Sequence

import matplotlib.figure
import matplotlib.image
import numpy as np


def png(figure: matplotlib.figure.Figure) -> bytes:
    """Writes a figure as PNG.

    Example:
      >>> png(matplotlib.figure.Figure(figsize=(1, 1)))[1:4]
      b'PNG'
    """
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    return picture.getvalue()


def draw_confusion(confusion: np.ndarray, names: Sequence[str], *, title: str) -> bytes:
    """Draws which class was taken for which, as shares of each true class.

    Args:
      confusion: Counts, ``[true, predicted]``.
      names: Names of the classes.
      title: Stands above.

    Returns:
      A picture as PNG.

    Example:
      >>> draw_confusion(np.eye(2), ["no", "yes"], title="a sure judge")[1:4]
      b'PNG'
    """
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    size = 3.5 + 0.3 * len(names)
    figure = matplotlib.figure.Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(image, label="share of the true class")
    if len(names) <= 12:
        for (i, j), share in np.ndenumerate(shares):
            color = "white" if share > 0.5 else "black"
            text = f"{share:.2f}" if confusion[i, j] else ""
            axes.text(j, i, text, ha="center", va="center", color=color, fontsize=7)
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90)
    axes.set_yticks(places, names)
    axes.set(xlabel="predicted", ylabel="true")
    figure.suptitle(title)
    return png(figure)


def read_image(path: str, size: int) -> np.ndarray:
    """Reads an image file a user gave, as ``[size, size]`` or ``[size, size, C]``.

    Returns:
      Values from 0 to 1, of the nearest pixels.

    Raises:
      ValueError: If it is no image.

    Example:
      >>> read_image("nowhere.png", 32)
      Traceback (most recent call last):
      ValueError: say: 'nowhere.png' is no image (FileNotFoundError); expected the ...
    """
    try:
        image = np.asarray(matplotlib.image.imread(path), np.float32)
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"say: '{path}' is no image ({type(error).__name__}); expected the path of "
            "one."
        ) from None
    places = (np.linspace(0, n - 1, size).round().astype(int) for n in image.shape[:2])
    image = image[np.ix_(*places)]
    return image / (255 if image.max(initial=0) > 1 else 1)


__all__ = ["draw_confusion", "png", "read_image"]
