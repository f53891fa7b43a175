"""Steps as a user writes them, known to nobody, rolled by ``jax.lax.scan``."""

from typing import Any

import jax
import jax.numpy as jnp

import recur
from benchmarks.peers.jax_peer import OwnLayout
from benchmarks.peers.network import Step
from benchmarks.workload.case import Layer

sigmoid, tanh = jax.nn.sigmoid, jnp.tanh


def lstm(params: Any, carry: Any, x: Any) -> tuple[Any, Any]:
    """Four gates from one sum."""
    h, c = carry
    gates = x @ params.w_ih + h @ params.w_hh + params.b[None]
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)
    return recur.LSTMCarry(h, c), h


def gru(params: Any, h: Any, x: Any) -> tuple[Any, Any]:
    """Reset after the product."""
    r_x, z_x, n_x = jnp.split(x @ params.w_ih + params.b[None], 3, axis=-1)
    r_h, z_h, n_h = jnp.split(h @ params.w_hh, 3, axis=-1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = tanh(n_x + r * (n_h + params.b_hn[None]))
    h = (1 - z) * n + z * h
    return h, h


def gru_before(params: Any, h: Any, x: Any) -> tuple[Any, Any]:
    """Reset before the product, so that one product waits for another."""
    r_x, z_x, n_x = jnp.split(x @ params.w_ih + params.b[None], 3, axis=-1)
    w_r, w_z, w_n = jnp.split(params.w_hh, 3, axis=-1)
    r, z = sigmoid(r_x + h @ w_r), sigmoid(z_x + h @ w_z)
    h = (1 - z) * tanh(n_x + (r * h) @ w_n) + z * h
    return h, h


def elman(params: Any, h: Any, x: Any) -> tuple[Any, Any]:
    """One sum and its tanh."""
    h = tanh(x @ params.w_ih + h @ params.w_hh + params.b[None])
    return h, h


def elman_relu(params: Any, h: Any, x: Any) -> tuple[Any, Any]:
    """One sum, cut off at zero."""
    h = jax.nn.relu(x @ params.w_ih + h @ params.w_hh + params.b[None])
    return h, h


STEPS = {
    "elman": elman,
    "elman_relu": elman_relu,
    "lstm": lstm,
    "gru": gru,
    "gru_before": gru_before,
}


class UserSteps(OwnLayout):
    """The equations and nothing else; weights have this library's layout."""

    name = "user"
    cells = dict.fromkeys(STEPS)

    def step(self, layer: Layer) -> Step:
        """The function."""
        return STEPS[layer.cell]


PEER = UserSteps()
