"""The rule of a step: what is done for many steps at once, and what in the loop."""

from typing import NamedTuple, Protocol

from recur._roll.chunked.tuning import Tuning
from recur.types import PyTree


class Chunk(NamedTuple):
    """What is known of some steps once they were taken, time first.

    Args:
      xs: Their inputs.
      starts: The carries that they began with.
      residuals: What ``forward`` gave.
      ends: The carries that they ended with; ``None`` where flags may have changed
        these.
    """

    xs: PyTree
    starts: PyTree
    residuals: PyTree
    ends: PyTree


class StepRule(Protocol):
    """What the chunked roll asks of a step.

    A step does affine things with its input, multiplies with recurrent weights, and
    does the rest entry by entry. The first is done for a whole chunk of steps at once,
    whose axis comes first; only the second and third are left to the loop.
    """

    @property
    def residuals_in_place(self) -> bool:
        """Whether residuals may take the place of ``z``.

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
    def recompute_last_output(self) -> bool:
        """Whether a roll without derivative computes its last output twice.

        Then XLA writes the residuals of each step to memory; by itself it would fuse
        the gates into the output, in a kernel several times as slow.
        """
        ...

    @property
    def batch_axes_only(self) -> bool:
        """Whether leading axes are rows, each for itself, so that there may be none."""
        ...

    def tuned(self, tuning: Tuning) -> "StepRule":
        """The same rule as a kind of machine wants it, with the same residuals."""
        ...

    def prepare(self, params: PyTree) -> PyTree:
        """Brings params into the form that the loops want, once a roll."""
        ...

    def project(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Does for a chunk what a step does with its input alone: ``zs``."""
        ...

    def forward(self, weights: PyTree, start: PyTree, z: PyTree) -> PyTree:
        """Takes the first half of a step, up to the ``residuals`` of its derivative."""
        ...

    def output(
        self, weights: PyTree, start: PyTree, residuals: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Takes the second half, without products: ``(carry, y)``."""
        ...

    def linearize(
        self, weights: PyTree, dweights: PyTree, chunk: Chunk, dxs: PyTree
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
