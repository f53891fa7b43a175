"""A cell wherever Flax NNX expects one."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax

from recur._flax.rolling import promoted
from recur._roll.unroll import unroll
from recur.compose.masks import draw_masks
from recur.nnx.variables import Params, nnx, values
from recur.types import Array, PyTree


class Cell(Params, nnx.RNNCellBase):
    """A cell for ``nnx.RNN``, ``nnx.Bidirectional`` and ``nnx.scan``.

    Args:
      cell: Any cell with a step, such as ``recur.LSTM(64)``; its initialisers may be
        those of Flax.
      input_size: Size of the last axis of the inputs.
      partitioning: Mesh axes by the name of a param, such as ``{"w_ih": (None,
        "model")}``; each becomes the metadata ``out_sharding``.
      deterministic: Whether no masks are drawn; ``module.eval()`` sets it too.
      rngs: Its stream ``params`` draws the params, the same numbers as
        ``cell.init(rngs.params(), input_size)``; ``dropout`` draws masks.

    Raises:
      TypeError: If ``cell`` is no cell with a step.
      ValueError: If ``partitioning`` names what is no part of params or carry.

    Example:
      >>> rnn = nnx.RNN(Cell(recur.LSTM(64), 3, rngs=nnx.Rngs(0)))
      >>> rnn(jnp.ones((2, 7, 3))).shape
      (2, 7, 64)
      >>> rnn.cell.params.w_ih.shape
      (3, 256)
    """

    needs: ClassVar[tuple[str, ...]] = ("init", "init_carry", "step")

    @property
    def num_feature_axes(self) -> int:
        """One: features are on the last axis only."""
        return 1

    def initialize_carry(
        self,
        input_shape: tuple[int, ...],
        rngs: Any = None,
        carry_init: Callable[..., Array] | None = None,
    ) -> PyTree:
        """Makes the carry for inputs ``[*batch, I]``, or draws it by ``carry_init``."""
        batch = tuple(input_shape[:-1])
        carry = self.cell.init_carry(batch, params=values(self.params))
        if carry_init is None:
            return carry
        if rngs is None:
            raise ValueError(
                "nnx.Cell.initialize_carry: rngs is None; expected a stream for "
                "carry_init to draw from. Pass nnx.Rngs(seed)."
            )
        stream = rngs.carry if isinstance(rngs, nnx.Rngs) else rngs
        return jax.tree.map(lambda a: carry_init(stream(), a.shape, a.dtype), carry)

    def __call__(self, carry: PyTree, inputs: Array) -> tuple[PyTree, PyTree]:
        """Advances by one step."""
        params, key = values(self.params), self.dropout_key(None, None)
        inputs = promoted(inputs, params)
        if key is None:
            return self.cell.step(params, carry, inputs)
        drawn = draw_masks(self.cell, key, params, inputs[None])
        carry, ys = unroll(self.cell, drawn, carry, inputs[None])
        return carry, jax.tree.map(lambda a: a[0], ys)


__all__ = ["Cell"]
