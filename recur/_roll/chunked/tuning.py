"""How many steps are done at once, and what else one kind of machine wants."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from recur.types import PyTree


@dataclass(frozen=True)
class Tuning:
    """Choices that change the time and the memory of a roll, and not its values.

    Args:
      chunk_rows: Rows of all steps of a chunk together where a derivative is taken;
        ``None`` if only ``chunk_entries`` count. With more, what a chunk keeps leaves
        the cache of a core; with less, adding to the gradients of the weights takes too
        long.
      chunk_entries: Entries of the carries of these steps, at most.
      chunk_shares: Chunks that a sequence is cut into at least, or halves of
        ``chunk_rows``, if it is longer than one: what a chunk computes takes more
        memory than what is kept of as many steps.
      forward_entries: Entries projected at once where nothing is kept.
      made_entries: Entries that may be made of the inputs of a chunk, where a step
        makes many of them: encodes an image, or looks words up by products with one-hot
        vectors.
      residuals_in_place: Whether residuals are written over what was read.
      recompute_last_output: Whether rules that ask for it compute a last output twice.
      join_rows: Rows from which an LSTM multiplies ``[x, h]`` in one product.
      scan_unroll: Steps in one iteration of a loop.
      parallel_steps: Steps at once from which a linear recurrence is an associative
        scan.
    """

    chunk_rows: int | None
    chunk_entries: int | None
    chunk_shares: int
    forward_entries: int
    made_entries: int
    residuals_in_place: bool
    recompute_last_output: bool
    join_rows: float
    scan_unroll: int
    parallel_steps: float


CPU = Tuning(
    chunk_rows=2**9,
    chunk_entries=None,
    chunk_shares=6,
    # Of fewer, XLA runs the product on one core; more leave the caches of all.
    forward_entries=2**19,
    made_entries=2**20,
    residuals_in_place=True,
    recompute_last_output=True,
    join_rows=128,
    scan_unroll=1,
    parallel_steps=math.inf,
)
"""Measured on two cores, see ``benchmarks/NOTES.md``."""

OTHER = Tuning(
    chunk_rows=None,
    chunk_entries=2**22,
    chunk_shares=1,
    forward_entries=2**24,
    made_entries=2**24,
    residuals_in_place=False,
    recompute_last_output=False,
    join_rows=math.inf,
    scan_unroll=8,
    parallel_steps=2**8,
)
"""Nothing was timed: the fewest kernels, copies and loops in what XLA makes for an H100
within 1.3 times the memory of the plain scan, see ``benchmarks/NOTES.md``."""

LINEAR_ENTRIES = 2**20
"""Entries made at once of the inputs of a linear step, the same on all platforms: what
is kept of a chunk is then the same too."""

MATRIX_STEPS = 64
"""Steps at once of a cell with a matrix for a carry, which decays as a whole."""

DECAYED_STEPS = 16
"""The same if each row has a decay of its own, of which there is one for each two steps
then."""

SEGMENT_ROWS = 2**6
"""Rows of all steps of a segment together, at least, where such chunks are computed
again with what makes their inputs: with fewer, gradients of weights cost more."""

TUNINGS = {"cpu": CPU, "default": OTHER}
"""By the platform for which a program is lowered."""

TRACED_ROWS = 2**6
"""The most rows for which taking a foreign step apart was quicker than the plain scan,
which loses most of its time in writing gradients of weights at every step. The same on
all platforms, as are the next two: where one way is taken on one platform and another
on another, a gradient taken outside of ``jax.jit`` keeps what both need."""

TRACED_DEPTH = 2
"""Entries that a product sums over, for each row, from which it was."""

SPREAD = 2
"""Entries of coefficients of a linear step for each of a product, from which the loop
of the plain scan computes values in less time."""

SHORT = 16
"""Steps up to which all platforms are tuned as a CPU is. A choice is traced twice, and
so few steps launch few kernels anyway."""


def tunings(length: int) -> dict[str, Tuning]:
    """The tunings to choose from for a sequence; just one where there is no choice.

    Example:
      >>> list(tunings(100)), list(tunings(10))
      (['cpu', 'default'], ['default'])
    """
    return TUNINGS if length > SHORT else {"default": TUNINGS["cpu"]}


def made_steps(tuning: Tuning, steps: int, made: int) -> int:
    """How many of ``steps`` are done at once, if each makes so many entries.

    Example:
      >>> [made_steps(CPU, 64, made=2**n) for n in (10, 18, 30)]
      [64, 4, 1]
    """
    return max(1, min(steps, tuning.made_entries // max(1, made)))


def chunk_steps(tuning: Tuning, carry: PyTree, length: int) -> int:
    """How many are done at once where the derivative is taken, at most.

    Example:
      >>> [chunk_steps(CPU, jnp.zeros((32, 256)), length) for length in (1000, 60)]
      [16, 10]
    """
    shapes = [jnp.shape(a) for a in jax.tree.leaves(carry)]
    if tuning.chunk_rows is None:
        most = tuning.chunk_entries or 0
        return max(1, most // max(1, *map(math.prod, shapes), 1))
    rows = max(1, *(math.prod(shape[:-1]) for shape in shapes), 1)
    share = max(tuning.chunk_rows // 2, rows * length // tuning.chunk_shares)
    short = rows * length <= tuning.chunk_rows
    most = tuning.chunk_rows if short else min(tuning.chunk_rows, share)
    return max(1, most // rows)


def recomputed_steps(steps: int, x: PyTree) -> int:
    """How many are computed again at once: chunks of ``steps``, one of them or some.

    Example:
      >>> [recomputed_steps(16, jnp.zeros((rows, 256))) for rows in (1, 2, 32)]
      [64, 32, 16]
    """
    rows = max(1, *(math.prod(jnp.shape(a)[:-1]) for a in jax.tree.leaves(x)))
    return steps * max(1, SEGMENT_ROWS // (rows * steps))


def forward_steps(
    tuning: Tuning, zs: PyTree, length: int, least: int, made: int, most: int
) -> int:
    """How many are done at once where nothing is kept for a derivative.

    Args:
      tuning: Of the machine.
      zs: Shapes of what is projected of all steps.
      length: Of the sequence.
      least: Those done at once otherwise.
      made: Entries made of one step to project it.
      most: Those done at once at most.

    Example:
      >>> zs = jnp.zeros((1000, 16, 256))
      >>> forward_steps(CPU, zs, 1000, least=16, made=0, most=1000)
      125
    """
    entries = sum(math.prod(a.shape[1:]) for a in jax.tree.leaves(zs))
    steps = max(least, tuning.forward_entries // max(1, entries))
    return even_steps(length, min(most, made_steps(tuning, steps, made)))


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
