"""Peers written in JAX: they give a cell and its roll, and get every task for it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import jax

from benchmarks.measure.device import Device
from benchmarks.measure.program import Program
from benchmarks.peers import jax_tasks
from benchmarks.peers.network import (
    Greedy,
    Network,
    Roll,
    Step,
    greedy_loop,
    stacked_roll,
    stacked_step,
)
from benchmarks.workload.case import Case, Layer
from benchmarks.workload.data import Data, Layers


class JaxPeer(ABC):
    """A library of cells in JAX.

    Carries have this library's layout on both sides, since renaming one inside a
    compiled program is free; weights are the peer's own.
    """

    name: ClassVar[str]
    cells: ClassVar[dict[str, str | None]]
    """For each cell: ``None`` if the peer has it, else why not."""

    takes_lengths: ClassVar[bool] = False
    time_major: ClassVar[bool] = True
    memories: ClassVar[tuple[str, ...]] = ("full",)

    def refuses(self, case: Case, device: Device) -> str | None:
        """Refuses cells it lacks, and rows of different lengths if it has no way."""
        if reason := self.cells[case.cell]:
            return reason
        if case.ragged and not self.takes_lengths:
            return f"{self.name} takes no sequence lengths"
        if case.memory not in self.memories:
            return f"{self.name} rolls with memory={' or '.join(self.memories)} only"
        return None

    @abstractmethod
    def convert(self, layer: Layer, params: Any) -> Any:
        """Turns params of this library into the peer's weights, for one layer."""

    @abstractmethod
    def restore(self, layer: Layer, weights: Any) -> Any:
        """Turns gradients of the peer's weights into gradients of our params."""

    @abstractmethod
    def step(self, layer: Layer) -> Step:
        """Gives one step: ``(weights, carry, x) -> (carry, y)``."""

    def roll(self, layer: Layer, *, reverse: bool) -> Roll:
        """Gives the roll: ``(weights, carry, xs, lengths) -> (carry, ys)``.

        By default the scan of the step, for libraries that leave it to the user.
        ``ys`` stays in input order, and ``lengths`` is ``None`` if nothing is ragged.
        """
        step = self.step(layer)

        def scan(weights: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            return jax.lax.scan(partial(step, weights), carry, xs, reverse=reverse)

        return scan

    def network_roll(self, case: Case) -> Roll:
        """Gives the roll of all layers and directions of a case."""
        return stacked_roll(case, self.roll)

    def network_step(self, case: Case) -> Step:
        """Gives one step of all layers of a case."""
        return stacked_step(case, self.step)

    def network_greedy(self, case: Case) -> Greedy:
        """Gives the greedy loop over all layers of a case."""
        return greedy_loop(case, self.network_step(case))

    def prepare(self, case: Case, data: Data, device: Device) -> Program:
        """Makes a case ready on a device."""
        network = Network(
            weights=_layerwise(self.convert, case, data.params),
            roll=self.network_roll,
            step=self.network_step,
            greedy=self.network_greedy,
            restore=partial(_layerwise, self.restore, case),
            time_major=self.time_major,
        )
        return jax_tasks.prepare(case, data, network, device)


class OwnLayout(JaxPeer):
    """A peer whose weights are this library's params."""

    def convert(self, layer: Layer, params: Any) -> Any:
        """Takes params as they are."""
        return params

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Takes gradients as they are."""
        return weights


def _layerwise(turn: Callable[[Layer, Any], Any], case: Case, layers: Layers) -> Layers:
    pairs = zip(case.layer_stack, layers, strict=True)
    return tuple(tuple(turn(layer, w) for w in both) for layer, both in pairs)
