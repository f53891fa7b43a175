"""Step functions: what counts as one, and what a roll asks of it."""

from dataclasses import dataclass
from typing import Any

from recur import checks
from recur.types import Cell, PyTree, Step


def emit_carry(step: Step | Cell) -> Step:
    """Makes a step that also puts out its new carry: ``y`` becomes ``(y, carry)``.

    Args:
      step: Any step or cell.

    Returns:
      ``(params, carry, x) -> (carry, (y, carry))``; rolled, it gives the outputs and
      every carry, stacked over time.

    Raises:
      TypeError: If ``step`` is neither function nor cell.

    Example:
      >>> count = lambda params, carry, x: (carry + 1, x)
      >>> carry, (ys, carries) = unroll(emit_carry(count), None, 0, jnp.zeros(3))
      >>> carries
      Array([1, 2, 3], dtype=int32...)
    """
    return _EmitCarry(step_of("emit_carry", step))


@dataclass(frozen=True)
class _EmitCarry:
    """A value, so that equal ones share a compiled roll."""

    inner: Step

    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        carry, y = self.inner(params, carry, x)
        return carry, (y, carry)


def step_of(where: str, step: Any) -> Any:
    """Takes a step as it is, and of a cell its ``step``.

    Example:
      >>> step_of("doc", len) is len
      True
    """
    if callable(getattr(step, "step", None)):
        step = step.step
    if callable(step):
        return step
    raise TypeError(
        f"{where}: step is {checks.describe(step)}; expected a function "
        "(params, carry, x) -> (carry, y) or a cell such as recur.LSTM(256)."
    )


def checked_step(where: str, step: Step) -> Step:
    """Makes a step that refuses to return anything but a carry of the same type and y.

    Example:
      >>> checked_step("doc", lambda params, carry, x: (carry, x))(None, 1, 2)
      (1, 2)
    """

    def checked(params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        result = step(params, carry, x)
        checks.check_pair(where, result)
        checks.check_same_carry(where, carry, result[0])
        return result

    return checked


__all__ = ["emit_carry"]
