"""The residual connection around a cell."""

from dataclasses import dataclass

from recur import _checks as checks
from recur.compose.wrapper import Wrapper
from recur.types import Array, PyTree


@dataclass(frozen=True)
class Residual(Wrapper):
    r"""Adds the input to the output: ``y_t = x_t + cell(x_t)``.

    Args:
      cell: The cell inside; its output must have the size of its input.

    Raises:
      TypeError: If ``cell`` is no cell.

    Example:
      >>> cell = Residual(GRU(4))
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> carry, y = cell.step(params, cell.init_carry(), jnp.ones(4))
      >>> bool(jnp.allclose(y, 1 + carry))
      True

    References:
      He, Zhang, Ren and Sun, `Deep residual learning for image recognition
      <https://doi.org/10.1109/CVPR.2016.90>`_, 2016.
    """

    def init(self, key: Array, input_size: int) -> PyTree:
        """Draws the params of the cell inside."""
        checks.check_size("Residual.init", "input_size", input_size)
        checks.check_same_size("Residual", input_size, self.output_size)
        return self.cell.init(key, input_size)

    def act(self, params: PyTree, x: Array, y: Array) -> Array:
        """Adds the input to the output."""
        checks.check_same_size("Residual", x.shape[-1], y.shape[-1])
        return x.astype(y.dtype) + y

    def act_on_all(self, params: PyTree, xs: PyTree, ys: Array) -> Array:
        """Acts on all steps at once: each row is alone."""
        return self.act(params, xs, ys)


__all__ = ["Residual"]
