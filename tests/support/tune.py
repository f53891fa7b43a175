"""Rolls as another machine would take them."""

from dataclasses import replace

from recur._roll.chunked import tuning


def tune(monkeypatch, **changes):
    """Changes what the machine that runs the tests wants of a roll in chunks."""
    changed = replace(tuning.TUNINGS["cpu"], **changes)
    monkeypatch.setitem(tuning.TUNINGS, "cpu", changed)


def tune_as_elsewhere(monkeypatch, **changes):
    """Makes this machine the one that is not tuned for, and all rolls long enough."""
    monkeypatch.setattr(tuning, "SHORT", 0)
    elsewhere = replace(tuning.OTHER, **changes)
    swapped = {"cpu": elsewhere, "default": tuning.CPU}
    monkeypatch.setattr(tuning, "TUNINGS", swapped)
