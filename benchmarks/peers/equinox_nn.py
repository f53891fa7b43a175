"""Equinox: its cells take one example, so the user maps over rows and scans."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

import recur
from benchmarks.peers.jax_peer import JaxPeer
from benchmarks.peers.network import Step
from benchmarks.workload.case import Layer

CELLS = {"lstm": eqx.nn.LSTMCell, "gru": eqx.nn.GRUCell}


class Equinox(JaxPeer):
    """Gates fused as ours, weights transposed."""

    name = "equinox"
    cells: ClassVar = {
        **dict.fromkeys(CELLS),
        "elman": "Equinox has no Elman cell",
        "elman_relu": "Equinox has no Elman cell",
        "gru_before": "Equinox has no GRU that resets before the product",
    }

    def convert(self, layer: Layer, params: Any) -> Any:
        """Puts transposed weights into a cell, which is itself a tree of arrays."""
        kind, key = CELLS[layer.cell], jax.random.key(0)
        sizes = (layer.input_size, layer.hidden_size)
        cell = eqx.filter_eval_shape(kind, *sizes, dtype=layer.dtype, key=key)
        weights = [jnp.asarray(w).T for w in jax.tree.leaves(params)]
        return eqx.tree_at(_leaves(layer), cell, weights)

    def restore(self, layer: Layer, weights: Any) -> Any:
        """Takes the weights out of the cell and transposes them back."""
        kind = recur.LSTMParams if layer.cell == "lstm" else recur.GRUParams
        return kind(*(w.T for w in _leaves(layer)(weights)))

    def step(self, layer: Layer) -> Step:
        """The cell, mapped over rows; the scan over it is :meth:`JaxPeer.roll`."""

        def step(cell: Any, carry: Any, x: Any) -> tuple[Any, Any]:
            carry = jax.vmap(cell)(x, carry)
            if layer.cell == "lstm":
                carry = recur.LSTMCarry(*carry)
                return carry, carry.h
            return carry, carry

        return step


def _leaves(layer: Layer) -> Any:
    names = ["weight_ih", "weight_hh", "bias"]
    names += ["bias_n"] if layer.cell == "gru" else []
    return lambda cell: [getattr(cell, name) for name in names]


PEER = Equinox()
