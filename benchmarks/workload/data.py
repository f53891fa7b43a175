"""The weights and inputs of a case: drawn once, the same for every peer."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.workload.case import Case, Layer
from benchmarks.workload.cells import specification

Layers = tuple[tuple[Any, ...], ...]
"""For each layer from the bottom up, one entry a direction."""


@dataclass(frozen=True)
class Data:
    """NumPy arrays, in this library's layout.

    Args:
      params: For each layer and direction, the params of its cell.
      carry: Likewise, the carry that enters the first step; not zero.
      xs: ``[T, B, I]``.
      cotangents: ``[T, B, D·H]``, zero in the padding; the loss of training is their
        product with the outputs.
      lengths: ``[B]``, all ``T`` unless the case is ragged.
      embedding: ``[V, I]``, for decoding.
      readout: ``[H, V]``, for decoding.
      tokens: ``[B]``, the first input of decoding.
    """

    params: Layers
    carry: Layers
    xs: np.ndarray
    cotangents: np.ndarray
    lengths: np.ndarray
    embedding: np.ndarray
    readout: np.ndarray
    tokens: np.ndarray


def draw(case: Case, *, seed: int = 0) -> Data:
    """Draws everything a peer may be given, biases and first carry included."""
    rng = np.random.default_rng(seed)
    batch, steps, inputs, hidden = case.shape
    lengths = _lengths(rng, case)
    valid = np.arange(steps)[:, None, None] < lengths[:, None]
    width = case.directions * hidden
    xs = _normal(rng, (steps, batch, inputs), case.dtype)
    cotangents = _normal(rng, (steps, batch, width), case.dtype) * valid
    return Data(
        params=_every_cell(case, lambda layer: _params(rng, layer)),
        carry=_every_cell(case, lambda layer: _carry(rng, layer, batch)),
        xs=xs,
        cotangents=cotangents.astype(xs.dtype),
        lengths=lengths,
        embedding=_normal(rng, (inputs, inputs), case.dtype),
        readout=_normal(rng, (width, inputs), case.dtype),
        tokens=rng.integers(0, inputs, batch).astype(np.int32),
    )


def _lengths(rng: np.random.Generator, case: Case) -> np.ndarray:
    batch, steps, *_ = case.shape
    # Some of the peers take no row of length 0, so the shortest here has one step.
    drawn = rng.integers(1, steps + 1, batch) if case.ragged else np.full(batch, steps)
    drawn[0] = steps
    return drawn.astype(np.int32)


def _every_cell(case: Case, make: Any) -> Layers:
    return tuple(
        tuple(make(layer) for _ in range(case.directions)) for layer in case.layer_stack
    )


def _params(rng: np.random.Generator, layer: Layer) -> Any:
    bound = layer.hidden_size**-0.5

    def uniform(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        return rng.uniform(-bound, bound, leaf.shape).astype(leaf.dtype)

    def init(key: jax.Array) -> Any:
        return specification(layer).init(key, layer.input_size)

    return jax.tree.map(uniform, jax.eval_shape(init, jax.random.key(0)))


def _carry(rng: np.random.Generator, layer: Layer, batch: int) -> Any:
    def init() -> Any:
        return specification(layer).init_carry((batch,))

    def normal(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        return _normal(rng, leaf.shape, layer.dtype, scale=0.5)

    return jax.tree.map(normal, jax.eval_shape(init))


def _normal(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str, *, scale: float = 1.0
) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(jnp.dtype(dtype))
