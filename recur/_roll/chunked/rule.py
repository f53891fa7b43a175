"""A step taken apart: what a roll can do for many steps at once, and what it cannot."""

from typing import Any, NamedTuple, Protocol

from recur.types import PyTree


class Chunk(NamedTuple):
    """What is known of some steps once they were taken, time first.

    Args:
      xs: Their inputs.
      starts: The carries that they began with.
      kept: What ``gate`` gave.
      ends: The carries that they ended with; ``None`` where flags may have changed
        these.
    """

    xs: PyTree
    starts: PyTree
    kept: PyTree
    ends: Any


class Parts(Protocol):
    """What the chunked roll asks of a step.

    A step does affine things with its input, multiplies with recurrent weights, and
    does the rest entry by entry. The first is done for a whole chunk of steps at once,
    whose axis comes first; only the second and third are left to the loop.
    """

    @property
    def in_place(self) -> bool:
        """Whether what is kept may take the place of ``z``.

        That saves memory where one kernel reads ``z``, and costs a copy of all steps
        at every step where several do.
        """
        ...

    @property
    def made(self) -> int:
        """Entries that ``project`` makes of one step, its results included.

        They exist for all steps of a chunk. Zero where a chunk was measured to fit.
        """
        ...

    @property
    def lands_again(self) -> bool:
        """Whether a roll without derivative lands once more after its last step.

        That makes XLA write down what is kept, step by step, where left to itself it
        would fuse gates into landing, in a kernel several times as slow.
        """
        ...

    @property
    def of_rows(self) -> bool:
        """Whether leading axes are rows, each for itself, so that there may be none."""
        ...

    def prepare(self, params: PyTree) -> PyTree:
        """Brings params into the form that the loops want, once a roll."""
        ...

    def project(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Does for a chunk what a step does with its input alone: ``zs``."""
        ...

    def gate(self, weights: PyTree, start: PyTree, z: PyTree) -> PyTree:
        """Takes the first half of a step, up to what the derivative needs: ``kept``."""
        ...

    def land(
        self, weights: PyTree, start: PyTree, kept: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Takes the second half, without products: ``(carry, y)``."""
        ...

    def linearize(
        self, weights: PyTree, dweights: Any, chunk: Chunk, dxs: Any
    ) -> PyTree:
        """Prepares the tangent of a chunk.

        Contracts the tangents of weights and inputs with the whole chunk and
        differentiates the arithmetic. A tangent that is zero is ``None``.
        """
        ...

    def tangent(
        self, weights: PyTree, dcarry: PyTree, linear: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Takes one step of the linear recurrence ``(dcarry, dy)``.

        ``linear`` is one step of what ``linearize`` gave. Linear in the tangents, so
        that JAX can transpose it.
        """
        ...
