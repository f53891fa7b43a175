"""The applications there are, by name."""

from importlib import import_module

from recur.tasks.task import Task

CLASSES = {
    "text": "Text",
    "reviews": "Reviews",
    "names": "Names",
    "dna": "Dna",
    "digits": "Digits",
    "speech": "Speech",
    "dictation": "Dictation",
    "music": "Music",
    "translate": "Translate",
    "captions": "Captions",
    "forecast": "Forecast",
    "adding": "Adding",
    "copy": "Copy",
    "rain": "Rain",
    "agent": "Agent",
}


def find(name: str) -> type[Task]:
    """Imports an application.

    Example:
      >>> find("text").card.gives
      'its continuation'
    """
    return getattr(import_module(f"recur.tasks.{name}"), CLASSES[name])


def listing() -> str:
    """Says of each application in a line what it does.

    Example:
      >>> "a text → its continuation" in listing()
      True
    """
    rows = [("task", "takes → gives", "shape", "data; stand-in", "minutes")]
    for name in CLASSES:
        card = find(name).card
        what = f"{card.takes} → {card.gives}"
        rows.append((name, what, card.shape, card.data, card.minutes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (zip(row, widths, strict=True) for row in rows)
    return "\n".join("  ".join(a.ljust(n) for a, n in line).rstrip() for line in lines)


__all__ = ["CLASSES", "find", "listing"]
