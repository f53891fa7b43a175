"""Pictures of what an application does, as PNG."""

import io
from collections.abc import Sequence

import matplotlib.figure
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


__all__ = ["draw_confusion", "png"]
