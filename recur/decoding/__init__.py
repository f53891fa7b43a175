"""Sequences drawn from a model that predicts its own next input, or searched."""

from recur.decoding.beam import beam_search
from recur.decoding.hypotheses import Hypotheses
from recur.decoding.sampling import sample

__all__ = ["Hypotheses", "beam_search", "sample"]
