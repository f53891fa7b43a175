"""What a run is held against, and the curve of how it went."""

from typing import Any

import matplotlib.figure

from recur.tasks.pictures import png
from recur.tasks.task import Task


def compare(value: float, baselines: dict[str, float], *, higher: bool) -> str:
    """Says how far a measure has come, the baselines ordered from worst to best.

    Example:
      >>> baselines = {"unigram": 4.0, "bigram": 3.0, "trigram": 1.0}
      >>> compare(2.0, baselines, higher=False)
      'better than bigram'
      >>> compare(5.0, baselines, higher=False)
      'no better than unigram'
    """
    beaten = [
        name
        for name, least in baselines.items()
        if (value > least if higher else value < least)
    ]
    if beaten or not baselines:
        return f"better than {beaten[-1]}" if beaten else ""
    return f"no better than {next(iter(baselines))}"


def draw_curve(
    history: list[list[Any]], baselines: dict[str, float], task: type[Task], title: str
) -> bytes:
    """Draws the loss and the measure of a run over its steps.

    Args:
      history: Rows of step, training loss and the measure on what is held out.
      baselines: Measures to draw as lines across, by name.
      task: The application, which has the names of both.
      title: Stands above.

    Returns:
      A picture as PNG.

    Example:
      >>> from recur.tasks.text import Text
      >>> draw_curve([[1, 5.0, 5.0]], {"unigram": 4.5}, Text, "doc")[1:4]
      b'PNG'
    """
    steps, train, valid = zip(*history, strict=True)
    same = task.loss_unit == task.measure
    figure = matplotlib.figure.Figure(
        figsize=(7, 4.5 if same else 6.5), layout="constrained"
    )
    above, axes = [figure.subplots()] * 2 if same else figure.subplots(2, sharex=True)
    above.plot(steps, train, marker=".", label="training")
    axes.plot(steps, valid, marker=".", color="C1", label="validation")
    for name, value in baselines.items():
        axes.axhline(value, color="gray", linewidth=0.8, linestyle="--")
        # Beside the axes, where no curve can run through it.
        beside = axes.get_yaxis_transform()
        axes.text(1.01, value, f"{name} {value:.4g}", transform=beside, va="center")
    above.set_title(title)
    above.set(ylabel=task.loss_unit)
    axes.set(xlabel="steps", ylabel=task.measure)
    for panel in {above, axes}:
        panel.legend(loc="best")
    return png(figure)


__all__ = ["compare", "draw_curve"]
