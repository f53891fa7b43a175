"""This library: cells rolled by ``recur.unroll``."""

from typing import Any

import jax
import jax.numpy as jnp

import recur
from benchmarks.peers.jax_peer import OwnLayout
from benchmarks.peers.network import Greedy, Roll, Step
from benchmarks.workload.case import Case, Layer
from benchmarks.workload.cells import CELLS, specification
from benchmarks.workload.data import Layers
from recur.decoding import sample


class Recur(OwnLayout):
    """What the others must agree with, and what they are compared to."""

    name = "recur"
    takes_lengths = True
    memories = ("full", "sqrt")
    cells = dict.fromkeys(CELLS)

    def step(self, layer: Layer) -> Step:
        """The step of the cell."""
        return specification(layer).step

    def network_roll(self, case: Case) -> Roll:
        """``recur.unroll`` of one cell made of all layers and directions."""
        cell = _network(case)

        def unroll(params: Any, carry: Any, xs: Any, lengths: Any) -> tuple[Any, Any]:
            remat = None if case.memory == "full" else case.memory
            options: dict[str, Any] = {"seq_lengths": lengths, "remat": remat}
            joined = _join(params, recur.BidirectionalParams)
            start = _join(carry, recur.BidirectionalCarry)
            carry, ys = recur.unroll(cell, joined, start, xs, **options)
            return _part(case, carry), ys

        return unroll

    def network_greedy(self, case: Case) -> Greedy:
        """``sample`` at temperature 0, from a prompt of one token."""
        (layer,) = case.layer_stack
        cell = recur.Readout(specification(layer), case.shape.inputs, dtype=case.dtype)

        def greedy(
            params: Any, carry: Any, tokens: Any, embedding: Any, readout: Any
        ) -> Any:
            bias = jnp.zeros(readout.shape[1], readout.dtype)
            return sample(
                cell,
                recur.ReadoutParams(params[0][0], readout, bias),
                carry[0][0],
                tokens[None],
                key=jax.random.key(0),
                length=case.shape.steps,
                embed=lambda token: embedding[token],
                temperature=0.0,
            ).tokens.astype(tokens.dtype)

        return greedy


def _network(case: Case) -> Any:
    cells = [specification(layer) for layer in case.layer_stack]
    if case.bidirectional:
        cells = [recur.Bidirectional(cell) for cell in cells]
    return cells[0] if case.layers == 1 else recur.Stack(tuple(cells))


def _join(layers: Layers, pair: Any) -> Any:
    joined = [pair(*both) if len(both) == 2 else both[0] for both in layers]
    return tuple(joined) if len(joined) > 1 else joined[0]


def _part(case: Case, carry: Any) -> Layers:
    layers = (carry,) if case.layers == 1 else carry
    return tuple(tuple(s) if case.bidirectional else (s,) for s in layers)


PEER = Recur()
