"""What a run is held against, and the curve of how it went."""

import io
from typing import Any

import matplotlib.figure

from recur.data.text import Corpus
from recur.tasks.baselines.ngram import ngram_bits

ORDERS = {1: "unigram", 2: "bigram", 3: "trigram", 5: "5-gram"}


def floors_of(corpus: Corpus) -> dict[str, float]:
    """Bits a character of n-gram models, on the validation part of a text.

    Example:
      >>> from recur.data.text import make_corpus
      >>> corpus = make_corpus("ab" * 100, window=4)
      >>> {name: round(bits, 2) for name, bits in floors_of(corpus).items()}
      {'unigram': 1.0, 'bigram': 0.01, 'trigram': 0.0, '5-gram': 0.0}
    """
    bits = ngram_bits(
        corpus.train,
        corpus.valid,
        vocabulary_size=len(corpus.vocabulary),
        order=max(ORDERS),
    )
    return {name: bits[n - 1] for n, name in ORDERS.items()}


def compare(bits: float, floors: dict[str, float]) -> str:
    """Says how far down a loss has come.

    Example:
      >>> compare(2.0, {"unigram": 4.0, "bigram": 3.0, "trigram": 1.0})
      'below the bigram floor'
    """
    beaten = [name for name, floor in floors.items() if bits < floor]
    return f"below the {beaten[-1]} floor" if beaten else "above every floor"


def draw_curve(
    history: list[list[Any]], floors: dict[str, float], *, title: str
) -> bytes:
    """Draws the losses of a run over its steps.

    Args:
      history: Rows of step, training and validation loss.
      floors: Losses to draw as lines across, by name.
      title: Stands above.

    Returns:
      A picture as PNG.

    Example:
      >>> draw_curve([[1, 5.0, 5.0]], {"unigram": 4.5}, title="doc")[1:4]
      b'PNG'
    """
    steps, train, valid = zip(*history, strict=True)
    figure = matplotlib.figure.Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, train, marker=".", label="training")
    axes.plot(steps, valid, marker=".", label="validation")
    for name, bits in floors.items():
        axes.axhline(bits, color="gray", linewidth=0.8, linestyle="--")
        # Beside the axes, where no curve can run through it.
        beside = axes.get_yaxis_transform()
        axes.text(1.01, bits, f"{name} {bits:.2f}", transform=beside, va="center")
    axes.set_title(title)
    axes.set(xlabel="steps", ylabel="bits a character")
    axes.legend(loc="upper right")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    return picture.getvalue()


__all__ = ["compare", "draw_curve", "floors_of"]
