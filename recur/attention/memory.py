"""What a decoder looks at: a sequence, of which each step weighs what it needs."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from recur._ops.wide import wide
from recur._portable import portable
from recur._roll.padding import tree_where
from recur._roll.pooling import valid_outputs
from recur.types import Array


@portable
class Memory(NamedTuple):
    """A sequence to look at, batch first, and its keys, prepared once."""

    values: Array  # [..., S, M]
    keys: Array  # [..., S, A]
    valid: Array  # [..., S]


def lay_out(
    where: str,
    ys: Array,
    seq_lengths: Array | None,
    mask: Array | None,
    *,
    time_major: bool = True,
) -> tuple[Array, Array]:
    """Puts outputs ``[S, ..., M]`` batch first, zero where they do not count."""
    ys, valid = valid_outputs(where, ys, seq_lengths, mask, time_major=time_major)
    rows = valid.reshape(valid.shape + (1,) * (ys.ndim - 1 - valid.ndim))
    valid = jnp.broadcast_to(rows, ys.shape[:-1])
    ys = tree_where(valid, ys, None)
    return jnp.moveaxis(ys, 0, -2), jnp.moveaxis(valid, 0, -1)


def weigh(scores: Array, valid: Array) -> Array:
    r"""Turns scores into weights that sum to one over what counts.

    .. math::
        \alpha_s = \frac{\exp e_s}{\sum_{s' \text{ valid}} \exp e_{s'}}

    Args:
      scores: ``[..., L, S]``.
      valid: ``[..., S]``, False for what gets no weight.

    Returns:
      Weights ``[..., L, S]``, summed in float32 or wider; zero where nothing counts.

    Example:
      >>> weigh(jnp.zeros((1, 3)), jnp.array([True, True, False]))
      Array([[0.5, 0.5, 0. ]], dtype=float32)
    """
    valid = jnp.broadcast_to(valid[..., None, :], scores.shape)
    scores = scores.astype(wide(scores.dtype))
    # Where nothing counts, a softmax of zeros keeps the gradient finite.
    some = valid.any(-1, keepdims=True)
    safe = jnp.where(valid, scores, jnp.where(some, -jnp.inf, jnp.zeros_like(scores)))
    return jnp.where(valid, jax.nn.softmax(safe, axis=-1), 0)


def look(weights: Array, values: Array) -> Array:
    """Takes the weighted means ``[..., L, M]`` of ``values [..., S, M]``.

    Example:
      >>> look(jnp.array([[0.5, 0.5]]), jnp.array([[2.0], [4.0]]))
      Array([[3.]], dtype=float32)
    """
    means = jnp.einsum("...ls,...sm->...lm", weights.astype(values.dtype), values)
    return means.astype(values.dtype)


__all__ = ["Memory", "look", "weigh"]
