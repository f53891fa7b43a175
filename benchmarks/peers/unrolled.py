"""Steps of others as they are, rolled by ``recur.unroll``: what the idea is worth."""

from typing import Any, ClassVar

import recur
from benchmarks.measure.device import Device
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Roll, Step
from benchmarks.workload.case import Case, Layer
from benchmarks.workload.cells import CELLS


class Unrolled(JaxPeer):
    """Another peer's cells and weights under our roll, which knows nothing of them."""

    name: ClassVar[str] = "unroll"
    cells = dict.fromkeys(CELLS)
    takes_lengths = True

    def __init__(self, other: JaxPeer) -> None:
        self.other = other

    def refuses(self, case: Case, device: Device) -> str | None:
        """Refuses cells that the other lacks."""
        return self.other.cells[case.cell] or super().refuses(case, device)

    def convert(self, layer: Layer, params: Any) -> Any:
        """Turns params into the other's weights."""
        return self.other.convert(layer, params)

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Turns gradients of the other's weights into gradients of our params."""
        return self.other.restore(layer, weights)

    def step(self, layer: Layer) -> Step:
        """The other's step."""
        return self.other.step(layer)

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """``recur.unroll`` of that step."""
        step = self.step(layer)

        def unroll(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            time = {"seq_lengths": lengths, "reverse": reverse}
            return recur.unroll(step, weights, carry, xs, **time)

        return unroll
