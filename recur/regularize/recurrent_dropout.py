"""Recurrent dropout without memory loss: masks on the candidate of a gated cell."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._arguments import check_bools
from recur._roll.named import emit_named, visit_named
from recur._roll.per_step import PerStep
from recur.compose.masks import Drawn, Sizes, draw, keep_mask, scaled
from recur.compose.plain import Regulariser
from recur.compose.wrapper import check_steps
from recur.types import Array, PyTree


@dataclass(frozen=True)
class RecurrentDropout(Regulariser):
    r"""Drops what is about to be written, and never what is remembered.

    .. math::
        c_t = f \odot c_{t-1} + i \odot \frac{m_t \odot \tanh(g)}{1 - p}

    and in the same way the candidate ``n`` of a GRU. It acts on every value that the
    step names ``candidate`` (see :func:`recur.emit_named`). Without masks (see
    :func:`recur.draw_masks`) it is the cell itself.

    Args:
      cell: The cell inside.
      rate: ``p``, the share of candidates dropped.
      per_step: Whether a mask is drawn for each step, or one for the sequence.

    Raises:
      TypeError: If ``cell`` is no cell or ``rate`` no number.
      ValueError: If ``rate`` is not from 0 up to 1, or the cell names no candidate.

    Example:
      >>> cell = RecurrentDropout(LSTM(4), rate=0.25)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> unroll(cell, drawn, cell.init_carry(), xs)[1].shape
      (7, 4)

    References:
      Semeniuta, Severyn and Barth, `Recurrent dropout without memory loss
      <https://aclanthology.org/C16-1165>`_, 2016.
    """

    rate: float = 0.0
    per_step: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps("RecurrentDropout", self.cell)
        checks.check_rate("RecurrentDropout", "rate", self.rate)
        check_bools("RecurrentDropout", per_step=self.per_step)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> Drawn:
        """Draws masks for every candidate."""
        k_inner, k_mask = jax.random.split(key)
        shapes = self._candidates(params, sizes)
        keys = jax.random.split(k_mask, len(shapes))
        time = (sizes.steps,) if self.per_step else ()
        pairs = zip(keys, shapes, strict=True)
        masks = [keep_mask(k, self.rate, (*time, *a.shape)) for k, a in pairs]
        params = draw(self.cell, k_inner, params, sizes)
        return Drawn(params, PerStep(masks) if self.per_step else masks)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell, dropping some of its candidates."""
        if not isinstance(params, Drawn):
            return super().step(params, carry, x)
        masks = iter(params.masks)

        def drop(name: str, value: Array) -> Array:
            return (
                scaled(next(masks), self.rate, value) if name == "candidate" else value
            )

        return visit_named(self.cell.step, drop, params.params, carry, x)

    def _candidates(self, params: PyTree, sizes: Sizes) -> tuple:
        def step(params: PyTree) -> PyTree:
            carry = self.cell.init_carry(sizes.batch_shape, params=params)
            x = jnp.zeros((*sizes.batch_shape, sizes.input_size))
            return emit_named(self.cell)(params, carry, x)[1][1]

        named = jax.eval_shape(step, params)
        if "candidate" not in named:
            raise ValueError(
                f"RecurrentDropout: {self.cell} names {sorted(named)}; expected a "
                "value named candidate. Name it in your step with "
                "jax.ad_checkpoint.checkpoint_name(value, 'candidate')."
            )
        return named["candidate"]


__all__ = ["RecurrentDropout"]
