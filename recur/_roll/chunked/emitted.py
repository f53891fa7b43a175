"""The rule of a step that also puts out its carry, made of the rule of the step."""

from dataclasses import dataclass

from recur._roll.chunked.rule import Chunk, StepRule
from recur._roll.chunked.tuning import Tuning
from recur.types import PyTree


@dataclass(frozen=True)
class EmittedRule:
    """The rule inside, whose outputs ``y`` become ``(y, carry)``."""

    inner: StepRule

    @property
    def residuals_in_place(self) -> bool:
        """As inside."""
        return self.inner.residuals_in_place

    @property
    def made(self) -> int:
        """As inside."""
        return self.inner.made

    @property
    def recompute_last_output(self) -> bool:
        """As inside."""
        return self.inner.recompute_last_output

    @property
    def batch_axes_only(self) -> bool:
        """As inside."""
        return self.inner.batch_axes_only

    def tuned(self, tuning: Tuning) -> "EmittedRule":
        """As inside."""
        return EmittedRule(self.inner.tuned(tuning))

    def prepare(self, params: PyTree) -> PyTree:
        """Does what is done inside."""
        return self.inner.prepare(params)

    def project(self, weights: PyTree, xs: PyTree) -> PyTree:
        """Does what is done inside."""
        return self.inner.project(weights, xs)

    def forward(self, weights: PyTree, start: PyTree, z: PyTree) -> PyTree:
        """Does what is done inside."""
        return self.inner.forward(weights, start, z)

    def output(
        self, weights: PyTree, start: PyTree, residuals: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Puts out the carry too."""
        carry, y = self.inner.output(weights, start, residuals)
        return carry, (y, carry)

    def linearize(
        self, weights: PyTree, dweights: PyTree, chunk: Chunk, dxs: PyTree
    ) -> PyTree:
        """Does what is done inside."""
        return self.inner.linearize(weights, dweights, chunk, dxs)

    def tangent(
        self, weights: PyTree, dcarry: PyTree, linear: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Puts out the tangent of the carry too."""
        dcarry, dy = self.inner.tangent(weights, dcarry, linear)
        return dcarry, (dy, dcarry)
