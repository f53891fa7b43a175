"""Variational dropout: one mask a sequence, on inputs and on the recurrent products."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._ops.matmul import MaskedWeight, map_recurrent
from recur.compose.masks import Drawn, Sizes, draw, keep_mask, scaled
from recur.compose.plain import Regulariser
from recur.types import Array, PyTree


@dataclass(frozen=True)
class VariationalDropout(Regulariser):
    r"""Drops the same inputs and the same recurrent units at every step of a sequence.

    .. math::
        x_t \to \frac{m_x \odot x_t}{1 - p_x}, \qquad
        h_{t-1} W_{hh} \to \frac{m_h \odot h_{t-1}}{1 - p_h} W_{hh}

    The recurrent mask acts on the products with the recurrent weights only, not on what
    a gate lets through, so that a GRU's dropped unit keeps its memory. It finds them as
    the parts of params that are named ``w_hh``; a user's step written ``h @ w_hh``
    works unchanged. Without masks (see :func:`recur.draw_masks`) it is the cell itself.

    Args:
      cell: The cell inside.
      inputs: Share of inputs dropped, a mask ``[..., I]`` for each sequence.
      recurrent: Share of recurrent units dropped, a mask ``[..., H]`` for each.

    Raises:
      TypeError: If ``cell`` is no cell or a rate no number.
      ValueError: If a rate is not from 0 up to 1.

    Example:
      >>> cell = VariationalDropout(GRU(4), inputs=0.2, recurrent=0.5)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> unroll(cell, drawn, cell.init_carry(), xs)[1].shape
      (7, 4)

    References:
      Gal and Ghahramani, `A theoretically grounded application of dropout in recurrent
      neural networks <https://arxiv.org/abs/1512.05287>`_, 2016.
    """

    inputs: float = 0.0
    recurrent: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.check_rate("VariationalDropout", "inputs", self.inputs)
        checks.check_rate("VariationalDropout", "recurrent", self.recurrent)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> Drawn:
        """Draws the masks of every sequence of the batch."""
        k_inner, k_x, k_h = jax.random.split(key, 3)
        params = draw(self.cell, k_inner, params, sizes)
        masks = keep_mask(k_x, self.inputs, (*sizes.batch_shape, sizes.input_size))

        def masked(n: int, w: Any) -> MaskedWeight:
            shape = (*sizes.batch_shape, w.shape[0])
            mask = keep_mask(jax.random.fold_in(k_h, n), self.recurrent, shape)
            return MaskedWeight(w, scaled(mask, self.recurrent, jnp.ones(shape)))

        return Drawn(map_recurrent("VariationalDropout", masked, params), masks)

    def enter(self, params: PyTree, x: Array, *time_axis: int) -> Array:
        """Masks the inputs if there are masks."""
        if not isinstance(params, Drawn):
            return x
        mask = jnp.expand_dims(params.masks, time_axis)
        return scaled(jnp.broadcast_to(mask, x.shape), self.inputs, x)


__all__ = ["VariationalDropout"]
