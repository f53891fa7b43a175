"""The plain ``jax.lax.scan`` of our own steps: what every fast path must beat."""

from functools import partial
from typing import Any

import jax

from benchmarks.peers.jax_peer import OwnLayout
from benchmarks.peers.network import Roll, Step, masked, validity
from benchmarks.workload.case import Layer
from benchmarks.workload.cells import CELLS, specification


class PlainScan(OwnLayout):
    """Our steps, rolled as anyone would roll them."""

    name = "plain"
    takes_lengths = True
    cells = dict.fromkeys(CELLS)

    def step(self, layer: Layer) -> Step:
        """The step of the cell."""
        return specification(layer).step

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """The scan of the step, masked where rows end early."""
        step = self.step(layer)

        def scan(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            body = partial(step if lengths is None else masked(step), weights)
            inputs = xs if lengths is None else (xs, validity(lengths, len(xs)))
            return jax.lax.scan(body, carry, inputs, reverse=reverse)

        return scan


PEER = PlainScan()
