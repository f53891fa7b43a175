"""DropConnect on the recurrent weights: the weight-dropped LSTM."""

from dataclasses import dataclass, replace
from typing import Any

import jax

from recur import _checks as checks
from recur._ops.matmul import MaskedWeight, map_recurrent
from recur.compose.masks import Sizes, draw, keep_mask, scaled
from recur.compose.plain import Regulariser
from recur.types import Array, PyTree


@dataclass(frozen=True)
class DropConnect(Regulariser):
    r"""Drops recurrent weights, the same at every step and for every row.

    .. math::
        W_{hh} \to \frac{M \odot W_{hh}}{1 - p}, \qquad M \sim \mathrm{Bernoulli}(1 - p)

    The weights are the parts of params named ``w_hh``. Without a mask (see
    :func:`recur.draw_masks`) it is the cell itself.

    Args:
      cell: The cell inside.
      rate: ``p``, the share of weights dropped.

    Raises:
      TypeError: If ``cell`` is no cell or ``rate`` no number.
      ValueError: If ``rate`` is not from 0 up to 1.

    Example:
      >>> cell = DropConnect(LSTM(4), rate=0.5)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> int((drawn.w_hh == 0).sum()) > 0
      True

    References:
      Merity, Keskar and Socher, `Regularizing and optimizing LSTM language models
      <https://arxiv.org/abs/1708.02182>`_, 2018.
    """

    rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_rate("DropConnect", "rate", self.rate)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> PyTree:
        """Draws which weights are left; the result is params of the cell itself."""
        k_inner, k_mask = jax.random.split(key)

        def dropped(n: int, w: Any) -> Any:
            if isinstance(w, MaskedWeight):
                return replace(w, weight=dropped(n, w.weight))
            mask = keep_mask(jax.random.fold_in(k_mask, n), self.rate, w.shape)
            return scaled(mask, self.rate, w)

        params = draw(self.cell, k_inner, params, sizes)
        return map_recurrent("DropConnect", dropped, params)


__all__ = ["DropConnect"]
