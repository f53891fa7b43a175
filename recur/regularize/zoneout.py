"""Zoneout: some units keep their old value instead of being dropped."""

from dataclasses import dataclass
from typing import Any

import jax

from recur import _checks as checks
from recur._roll.per_step import PerStep
from recur.compose.masks import Drawn, Sizes, draw, keep_mask, select
from recur.compose.wrapper import Wrapper, check_steps
from recur.types import Array, PyTree


@dataclass(frozen=True)
class Zoneout(Wrapper):
    r"""Lets units of the carry keep their old value at random, anew at every step.

    .. math::
        s_t = m_t \odot s_{t-1} + (1 - m_t) \odot \tilde s_t, \qquad
        m_t \sim \mathrm{Bernoulli}(p)

    with a rate of its own for the memory ``c`` of an LSTM. The output is the new ``h``,
    so wrap a cell whose output that is, inside a readout and not around it. Without
    masks (see :func:`recur.draw_masks`) ``m_t`` is its mean ``p``, as in the paper; to
    evaluate without that, roll the inner cell with the same params.

    Args:
      cell: The cell inside, its carry one array or one with a field ``h``.
      h: Share of output units, and of everything but ``c``, that keep their value.
      c: Share of memory units that do.

    Raises:
      TypeError: If ``cell`` is no cell or a rate no number.
      ValueError: If a rate is not from 0 up to 1.

    Example:
      >>> cell = Zoneout(LSTM(4), h=0.05, c=0.5)
      >>> params, xs = cell.init(jax.random.key(0), 3), jnp.ones((7, 3))
      >>> drawn = draw_masks(cell, jax.random.key(1), params, xs)
      >>> unroll(cell, drawn, cell.init_carry(), xs)[1].shape
      (7, 4)

    References:
      Krueger et al., `Zoneout: regularizing RNNs by randomly preserving hidden
      activations <https://arxiv.org/abs/1606.01305>`_, 2017.
    """

    h: float = 0.0
    c: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_steps("Zoneout", self.cell)
        checks.check_rate("Zoneout", "h", self.h)
        checks.check_rate("Zoneout", "c", self.c)

    def draw(self, key: Array, params: PyTree, sizes: Sizes) -> Drawn:
        """Draws which units stay, for every step, row and unit of the carry."""
        k_inner, k_mask = jax.random.split(key)
        carry = jax.eval_shape(
            lambda: self.init_carry(sizes.batch_shape, params=params)
        )
        leaves, structure = jax.tree.flatten(carry)
        rates = jax.tree.leaves(self._rates(structure.unflatten(leaves)))
        keys = jax.random.split(k_mask, len(leaves))
        stays = [
            ~keep_mask(k, rate, (sizes.steps, *leaf.shape))
            for k, rate, leaf in zip(keys, rates, leaves, strict=True)
        ]
        masks = PerStep(structure.unflatten(stays))
        return Drawn(draw(self.cell, k_inner, params, sizes), masks)

    def step(self, params: PyTree, carry: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        """Advances the cell, and gives some units their old value back."""
        if isinstance(params, Drawn):
            new, y = self.cell.step(params.params, carry, x)
            new = jax.tree.map(select, params.masks, carry, new)
        else:
            new, y = self.cell.step(params, carry, x)
            new = jax.tree.map(_mean, self._rates(carry), carry, new)
        return new, self._output(new, y)

    def _rates(self, carry: PyTree) -> PyTree:
        def rate(path: Any, _: Any) -> float:
            return self.c if path and getattr(path[-1], "name", None) == "c" else self.h

        return jax.tree.map_with_path(rate, carry)

    def _output(self, carry: PyTree, y: Array) -> Array:
        leaves = jax.tree.leaves(carry)
        h = getattr(carry, "h", leaves[0] if len(leaves) == 1 else None)
        if h is None or h.shape != y.shape:
            raise ValueError(
                f"Zoneout: the output of {self.cell} is {checks.describe(y)} and its "
                f"carry {checks.describe(h)}; expected a cell whose output is its "
                "carry or the field h of it. Wrap the recurrent cell itself."
            )
        return h


def _mean(rate: float, old: Array, new: Array) -> Array:
    return rate * old + (1 - rate) * new


__all__ = ["Zoneout"]
