"""Layers and directions put together, for libraries that leave this to the user."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.workload.case import Case, Layer
from benchmarks.workload.data import Layers

Step = Callable[[Any, Any, Any], tuple[Any, Any]]
"""``(weights, carry, x) -> (carry, y)``."""

Roll = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
"""``(weights, carry, xs, lengths) -> (carry, ys)``."""


Greedy = Callable[[Any, Any, Any, Any, Any], Any]
"""``(weights, carry, tokens, embedding, readout) -> tokens`` of every step."""


@dataclass(frozen=True)
class Network:
    """A case as one library writes it.

    Args:
      weights: Of every layer and direction, in the library's own form.
      roll: Makes the roll over all layers and directions.
      step: Makes the step through all layers.
      greedy: Makes the loop that feeds the likeliest token back.
      restore: Turns gradients of the weights into gradients of our params.
      time_major: Whether the library takes ``[T, B, I]`` or ``[B, T, I]``.
    """

    weights: Layers
    roll: Callable[[Case], Roll]
    step: Callable[[Case], Step]
    greedy: Callable[[Case], Greedy]
    restore: Callable[[Layers], Layers]
    time_major: bool


def stacked_roll(case: Case, roll: Callable[..., Roll]) -> Roll:
    """Rolls layer by layer, the directions of each side by side.

    Args:
      case: Says how many layers and directions there are.
      roll: ``roll(layer, reverse=...)`` gives the roll of one of them.
    """
    # Made once, outside of tracing: some libraries build layers with variables here.
    layers = [
        [roll(layer, reverse=bool(d)) for d in range(case.directions)]
        for layer in case.layer_stack
    ]

    def network(
        weights: Layers, carry: Layers, xs: Any, lengths: Any
    ) -> tuple[Layers, Any]:
        carries = []
        for ways, w, s in zip(layers, weights, carry, strict=True):
            results = [way(w[d], s[d], xs, lengths) for d, way in enumerate(ways)]
            carries.append(tuple(new for new, _ in results))
            xs = jnp.concatenate([ys for _, ys in results], -1)
        return tuple(carries), xs

    return network


def stacked_step(case: Case, step: Callable[[Layer], Step]) -> Step:
    """Advances every layer by one step, from the bottom up."""
    layers = [step(layer) for layer in case.layer_stack]

    def network(weights: Layers, carry: Layers, x: Any) -> tuple[Layers, Any]:
        carries = []
        for advance, (w,), (s,) in zip(layers, weights, carry, strict=True):
            s, x = advance(w, s, x)
            carries.append((s,))
        return tuple(carries), x

    return network


def greedy_loop(case: Case, step: Step) -> Greedy:
    """Decodes in one scan: embed, step, read out, take the likeliest, feed it back."""

    def loop(
        weights: Any, carry: Any, tokens: Any, embedding: Any, readout: Any
    ) -> Any:
        def body(state: Any, _: None) -> tuple[Any, Any]:
            carry, tokens = state
            carry, y = step(weights, carry, embedding[tokens])
            tokens = jnp.argmax(y @ readout, -1).astype(tokens.dtype)
            return (carry, tokens), tokens

        return jax.lax.scan(body, (carry, tokens), length=case.shape.steps)[1]

    return loop


def masked(step: Step) -> Step:
    """Makes a step over ``(x, valid)`` that does nothing where a row has ended."""

    def stepping(weights: Any, carry: Any, inputs: Any) -> tuple[Any, Any]:
        x, valid = inputs
        new, y = step(weights, carry, x)
        keep = jax.tree.map(lambda a, b: jnp.where(valid, a, b), new, carry)
        return keep, jnp.where(valid, y, jnp.zeros_like(y))

    return stepping


def validity(lengths: Any, steps: int) -> Any:
    """Says of every step and row whether it is inside: ``[T, B, 1]``."""
    return jnp.arange(steps)[:, None, None] < lengths[:, None]
