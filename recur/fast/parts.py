"""A step taken apart: what a roll can do for many steps at once, and what it cannot."""

from typing import Any, Protocol

from recur.types import PyTree


class Parts(Protocol):
    """What the chunked roll asks of a step.

    A step does affine things with its input, multiplies with recurrent weights, and
    does the rest entry by entry. The first is done for a whole chunk of steps at once,
    whose axis comes first in ``xs``, ``zs``, ``starts`` and ``kept``; only the second
    and third are left to the loop.
    """

    def prepare(self, params: PyTree) -> PyTree:
        """Brings params into the form that the loops want, once a roll."""
        ...

    def project(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Does for a chunk what a step does with its input alone: ``zs``."""
        ...

    def feed(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Gives what ``gate`` takes of a chunk, as a rule ``project(weights, xs)``."""
        ...

    def gate(self, weights: PyTree, start: PyTree, fed: PyTree) -> PyTree:
        """Takes the first half of a step, up to what the derivative needs: ``kept``."""
        ...

    def land(
        self, weights: PyTree, start: PyTree, kept: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Takes the second half, without products: ``(carry, y)``."""
        ...

    def linearize(
        self, weights: PyTree, dweights: Any, starts: PyTree, kept: PyTree, dzs: PyTree
    ) -> PyTree:
        """Prepares the tangent of a chunk whose steps began at ``starts``.

        Contracts the tangents of weights with the whole chunk and differentiates the
        arithmetic. A tangent that is zero is ``None``.
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
