"""Sequences drawn from a model that predicts its own next input."""

from recur.decoding.sampling import sample

__all__ = ["sample"]
