"""Step functions: what counts as one, and what a roll asks of it."""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from recur import _checks as checks
from recur.types import Cell, Layer, PyTree, Step


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
    step_of("emit_carry", step)
    return EmitCarry(step)


@dataclass(frozen=True)
class StepTransform(ABC):
    """A step made of a step, with the same params and carry.

    A value, so that equal ones share a compiled roll.

    Args:
      inner: The step or cell.
    """

    inner: Step | Cell

    @property
    def advance(self) -> Step:
        """The step inside."""
        return step_of(type(self).__name__, self.inner)

    @abstractmethod
    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        """Advances by one time step: ``(carry, y)``."""
        ...


@dataclass(frozen=True)
class EmitCarry(StepTransform):
    def __call__(
        self, params: PyTree, carry: PyTree, x: PyTree
    ) -> tuple[PyTree, PyTree]:
        carry, y = self.advance(params, carry, x)
        return carry, (y, carry)


def cell_of(step: Any) -> Any:
    """Finds the cell that makes the first carry of a step; ``None`` for a function.

    Example:
      >>> cell_of(emit_carry(GRU(4))), cell_of(GRU(4).step) is None
      (GRU(hidden_size=4...), True)
    """
    if isinstance(step, StepTransform):
        return cell_of(step.inner)
    members = ["init_carry"] if isinstance(step, Layer) else _CELL
    return step if all(_has(step, name) for name in members) else None


_CELL = ("init", "init_carry", "output_size", "step")


def _has(step: object, name: str) -> bool:
    # Without asking for it: a property of somebody's may do anything.
    return inspect.getattr_static(step, name, None) is not None


def step_of(where: str, step: Any) -> Any:
    """Takes a step as it is, and of a cell its ``step``.

    Example:
      >>> step_of("doc", len) is len
      True
    """
    hint = ""
    if isinstance(step, type):
        hint = f" Write {step.__name__}(...) for an instance."
    elif callable(getattr(step, "step", None)):
        return step.step
    elif callable(step):
        return step
    raise TypeError(
        f"{where}: step is {checks.describe(step)}; expected a function "
        f"(params, carry, x) -> (carry, y) or a cell such as recur.LSTM(256).{hint}"
    )


def check_step(where: str, step: object) -> None:
    """Refuses what is neither a step, nor a cell, nor a layer that rolls itself.

    Example:
      >>> check_step("doc", GRU)
      Traceback (most recent call last):
      TypeError: doc: step is the class GRU; expected a function ...
    """
    if not needs_whole(step):
        step_of(where, step)


def rolls_itself(step: object) -> bool:
    """Whether a step has a roll of its own, which takes what ``unroll`` takes.

    Example:
      >>> rolls_itself(GRU(4)), rolls_itself(Stack((GRU(4), LSTM(4))))
      (False, True)
    """
    return isinstance(step, Layer) and step.rolls_itself


def needs_whole(step: object) -> bool:
    """Whether a step needs the whole sequence, and cannot be taken alone.

    Example:
      >>> needs_whole(Stack((GRU(4),))), needs_whole(Bidirectional(GRU(4)))
      (False, True)
    """
    if isinstance(step, StepTransform):
        return needs_whole(step.inner)
    return isinstance(step, Layer) and step.needs_whole


def check_pieces(where: str, step: object, advice: str) -> None:
    """Refuses a layer that needs the whole sequence where it comes in pieces.

    Example:
      >>> check_pieces("doc", Bidirectional(GRU(4)), "Roll the whole.")
      Traceback (most recent call last):
      ValueError: doc: step is a Bidirectional, which needs the whole sequence; ...
    """
    if needs_whole(step):
        name = type(_whole_in(step)).__name__
        raise ValueError(
            f"{where}: step is a {name}, which needs the whole "
            f"sequence; expected a cell that walks forwards, as pieces do. {advice}"
        )


def _whole_in(step: Any) -> Any:
    """Finds what needs the whole sequence in a composition."""
    if isinstance(step, StepTransform):
        return _whole_in(step.inner)
    inside = [*getattr(step, "cells", ()), getattr(step, "cell", None)]
    return next((_whole_in(cell) for cell in inside if needs_whole(cell)), step)


def checked_step(where: str, step: Step) -> Step:
    """Makes a step that refuses to return anything but a carry of the same type and y.

    Example:
      >>> checked_step("doc", lambda params, carry, x: (carry, x))(None, 1, 2)
      (1, 2)
    """

    def checked(params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        _check_takes(where, step)
        result = step(params, carry, x)
        checks.check_pair(where, result)
        checks.check_same_carry(where, carry, result[0])
        return result

    return checked


def _check_takes(where: str, step: Step) -> None:
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):  # Of a builtin.
        return
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        raise TypeError(
            f"{where}: step takes {signature} ({error}); expected "
            "(params, carry, x) -> (carry, y). Bind further arguments with a closure."
        ) from None


__all__ = ["emit_carry"]
