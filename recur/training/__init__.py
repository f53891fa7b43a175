"""Training: back-propagation cut in windows, and steps for any optax optimiser.

A stream is learned from a window at a time, and what is handed on is a pytree::

    bptt = training.TruncatedBPTT(cell, loss_fn, window=64, every=16)
    init, step = training.make_train_step(bptt.loss, optax.adam(1e-3))
    state = init(params, bptt.init(carry, xs, targets))
    for state, metrics in training.train(step, state, chunks):
        print(metrics.loss)

Saved at any place, ``state`` goes on from there with the same numbers.
"""

from recur.training.loss_scale import DynamicScale, StaticScale
from recur.training.microbatch import split_batch
from recur.training.progress import train
from recur.training.tbptt import tbptt
from recur.training.train_step import (
    Metrics,
    TrainState,
    TrainStep,
    make_train_step,
)
from recur.training.truncated import TruncatedBPTT, TruncatedState

__all__ = [
    "DynamicScale",
    "Metrics",
    "StaticScale",
    "TrainState",
    "TrainStep",
    "TruncatedBPTT",
    "TruncatedState",
    "make_train_step",
    "split_batch",
    "tbptt",
    "train",
]
