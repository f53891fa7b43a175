"""Dropout with a fresh mask at every step, for what leaves a cell."""

from dataclasses import dataclass

import jax

from recur import _checks as checks
from recur._roll.per_step import PerStep, split_series
from recur.compose.masks import Drawn, Sizes, draw, keep_mask, scaled
from recur.compose.plain import Regulariser
from recur.types import Array, PyTree


@dataclass(frozen=True)
class Dropout(Regulariser):
    r"""Drops outputs of a cell, anew at every step: the dropout between layers.

    .. math::
        y_t = \frac{m_t \odot \tilde y_t}{1 - p}, \qquad
        m_t \sim \mathrm{Bernoulli}(1 - p)

    The carry is left alone. Without masks (see :func:`recur.draw_masks`) it is the cell
    itself.

    Args:
      cell: The cell inside.
      rate: ``p``, the share of entries dropped.

    Raises:
      TypeError: If ``cell`` is no cell or ``rate`` no number.
      ValueError: If ``rate`` is not from 0 up to 1.

    Example:
      >>> cell = Dropout(LSTM(4), rate=0.5)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> unroll(cell, drawn, cell.init_carry(), xs)[1].shape
      (7, 4)

    References:
      Zaremba, Sutskever and Vinyals, `Recurrent neural network regularization
      <https://arxiv.org/abs/1409.2329>`_, 2014.
    """

    rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_rate("Dropout", "rate", self.rate)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> Drawn:
        """Draws a mask for every step, row and output."""
        k_inner, k_mask = jax.random.split(key)
        shape = (sizes.steps, *sizes.batch_shape, self.output_size)
        masks = PerStep(keep_mask(k_mask, self.rate, shape))
        return Drawn(draw(self.cell, k_inner, params, sizes), masks)

    def act(self, params: PyTree, x: PyTree, y: Array) -> Array:
        """Masks the output."""
        return scaled(params.masks, self.rate, y) if isinstance(params, Drawn) else y

    def act_on_all(self, params: PyTree, xs: PyTree, ys: Array) -> Array:
        """Masks the outputs of all steps."""
        series, at = split_series(params)
        return self.act(at(series), xs, ys)


__all__ = ["Dropout"]
