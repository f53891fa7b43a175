"""Sequences drawn from a model that predicts its own next input, or searched."""

from recur.decoding.beam import beam_search
from recur.decoding.hypotheses import Hypotheses
from recur.decoding.sampling import Samples, sample
from recur.decoding.scheduled import scheduled_sampling

__all__ = ["Hypotheses", "Samples", "beam_search", "sample", "scheduled_sampling"]
