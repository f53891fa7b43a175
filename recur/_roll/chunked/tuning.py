"""How many steps are done at once."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from recur.types import PyTree

CHUNK = 2**9
"""Rows of all steps of a chunk together. With more, what a chunk keeps leaves the cache
of a core; with less, adding to the gradients of the weights takes too long."""

SHARES = 6
"""Chunks that a sequence is cut into at least, or halves of CHUNK, if it is longer than
one: what a chunk computes takes more memory than what is kept of as many steps."""

ONWARD = 2**19
"""Entries projected at once where nothing is kept. Of fewer, XLA runs the product on
one core; more leave the caches of all."""


MADE = 2**20
"""Entries that may be made of the inputs of a chunk, where a step makes many of them:
encodes an image, or looks words up by products with one-hot vectors."""


def made_steps(steps: int, made: int) -> int:
    """How many of ``steps`` are done at once, if each makes so many entries.

    Example:
      >>> made_steps(64, made=2**10), made_steps(64, made=2**18), made_steps(64, 2**30)
      (64, 4, 1)
    """
    return max(1, min(steps, MADE // max(1, made)))


def chunk_steps(carry: PyTree, length: int) -> int:
    """How many are done at once where the derivative is taken, at most.

    Example:
      >>> chunk_steps(jnp.zeros((32, 256)), 1000), chunk_steps(jnp.zeros((32, 256)), 60)
      (16, 10)
    """
    shapes = [jnp.shape(a)[:-1] for a in jax.tree.leaves(carry)]
    rows = max(1, *map(math.prod, shapes), 1)
    share = max(CHUNK // 2, rows * length // SHARES)
    most = CHUNK if rows * length <= CHUNK else min(CHUNK, share)
    return max(1, most // rows)


def forward_steps(zs: Any, length: int, least: int, made: int) -> int:
    """How many are done at once where nothing is kept for a derivative.

    Args:
      zs: Shapes of what is projected of all steps.
      length: Of the sequence.
      least: Those done at once otherwise.
      made: Entries made of one step to project it.

    Example:
      >>> forward_steps(jnp.zeros((1000, 16, 256)), 1000, least=16, made=0)
      125
    """
    entries = sum(math.prod(a.shape[1:]) for a in jax.tree.leaves(zs))
    steps = max(least, ONWARD // max(1, entries))
    return even_steps(length, made_steps(steps, made))


def even_steps(length: int, most: int) -> int:
    """How many at once, so that no shorter chunk is left over, if not far fewer do.

    A chunk left over is compiled apart, and all that is kept is copied to join it.

    Example:
      >>> even_steps(100, 16), even_steps(127, 16), even_steps(5, 16)
      (10, 16, 5)
    """
    most = min(most, length)
    even = (n for n in range(most, most // 2, -1) if length % n == 0)
    return next(even, most)
