"""A cell that walks backwards: ONNX's direction ``reverse``."""

from dataclasses import dataclass
from typing import Any, Unpack

from recur._roll.steps import check_step
from recur._roll.unroll import unroll
from recur.types import Array, Layer, PyTree, UnrollOptions


@dataclass(frozen=True)
class Reversed(Layer):
    r"""Rolls a cell from the last valid step of each row to its first.

    .. math::
        (s_t, y_t) = \mathrm{step}(\theta, s_{t+1}, x_t)

    :func:`recur.unroll` asks it to roll itself, so it stands alone, in a
    :class:`recur.Stack` or in a :class:`recur.Bidirectional`. Outputs stay in input
    order.

    Args:
      cell: The cell inside, or a step.

    Raises:
      TypeError: If ``cell`` is neither.

    Example:
      >>> running_sum = lambda params, carry, x: (carry + x, carry + x)
      >>> unroll(Reversed(running_sum), None, jnp.float32(0), jnp.arange(3.0))[1]
      Array([3., 3., 2.], dtype=float32)
    """

    cell: Any

    def __post_init__(self) -> None:
        check_step("Reversed", self.cell)

    @property
    def output_size(self) -> int:
        """Output size of the cell inside."""
        return self.cell.output_size

    def init(self, key: Array, input_size: int) -> PyTree:
        """Draws the params of the cell inside."""
        return self.cell.init(key, input_size)

    def init_carry(
        self, batch_shape: tuple[int, ...] = (), *, params: PyTree = None
    ) -> PyTree:
        """Makes the carry of the cell inside, which enters the last step."""
        return self.cell.init_carry(batch_shape, params=params)

    def unroll(
        self,
        params: PyTree,
        carry: PyTree,
        xs: PyTree,
        **time: Unpack[UnrollOptions],
    ) -> tuple[PyTree, PyTree]:
        """Rolls the cell the other way; see :func:`recur.unroll` for the arguments."""
        time["reverse"] = not time.get("reverse", False)
        return unroll(self.cell, params, carry, xs, **time)


__all__ = ["Reversed"]
