"""A cell wherever Flax Linen expects one."""

from typing import Any

import jax

from recur._arguments import check_bools
from recur._flax.refusals import check_cell
from recur._flax.rolling import draws_masks, promoted
from recur._roll.unroll import unroll
from recur.compose.masks import draw_masks
from recur.linen.variables import Variables, nn
from recur.types import Array, PyTree


class Cell(Variables, nn.RNNCellBase):
    """A cell for ``nn.RNN``, ``nn.Bidirectional`` and ``nn.scan``.

    Args:
      cell: Any cell with a step, such as ``recur.LSTM(64)``; its initialisers may be
        those of Flax.
      partitioning: Mesh axes by the name of a param, such as ``{"w_ih": (None,
        "model")}``; each becomes a box of ``nn.Partitioned``.
      deterministic: Whether no masks are drawn; by default, when no rng ``dropout``
        came. For masks under ``nn.RNN`` say whether each step has its own:
        ``split_rngs={"params": False, "dropout": True}``.

    Raises:
      TypeError: If ``cell`` is no cell with a step.

    Example:
      >>> rnn, xs = nn.RNN(Cell(recur.LSTM(64))), jnp.ones((2, 7, 3))
      >>> variables = rnn.init(jax.random.key(0), xs)
      >>> rnn.apply(variables, xs).shape
      (2, 7, 64)
      >>> jax.tree.map(jnp.shape, variables["params"]["cell"])
      {'b': (256,), 'w_hh': (64, 256), 'w_ih': (3, 256)}
    """

    deterministic: bool | None = None

    def __post_init__(self) -> None:
        check_cell("linen.Cell", self.cell, "init", "init_carry", "step")
        super().__post_init__()

    @property
    def num_feature_axes(self) -> int:
        """One: features are on the last axis only."""
        return 1

    @nn.nowrap
    def initialize_carry(self, rng: Array, input_shape: tuple[int, ...]) -> PyTree:
        """Makes the carry for inputs ``[*batch, I]``; a learned one needs variables."""
        inside = self.scope is not None
        params = self._known(rng, input_shape[-1]) if inside else None
        return self.cell.init_carry(tuple(input_shape[:-1]), params=params)

    def _known(self, rng: Array, input_size: int) -> PyTree:
        shapes = self.shapes(input_size)
        if self.has("params", shapes):
            return self.get("params", shapes)
        return self.cell.init(rng, input_size)  # In `init` a carry is made first.

    def __call__(self, carry: PyTree, x: Array) -> tuple[PyTree, PyTree]:
        """Advances by one step."""
        params = self.params(x.shape[-1])
        x = promoted(x, params)
        key = dropout_key(self, params, x.shape[-1], self.deterministic)
        if key is None:
            return self.cell.step(params, carry, x)
        drawn = draw_masks(self.cell, key, params, x[None])
        carry, ys = unroll(self.cell, drawn, carry, x[None])
        return carry, jax.tree.map(lambda a: a[0], ys)


def dropout_key(
    module: Any, params: PyTree, input_size: int, deterministic: bool | None
) -> Array | None:
    """The key of the masks, or ``None`` where none are drawn.

    Example:
      >>> dropout_key(Cell(recur.Dropout(recur.LSTM(4), 0.5)), None, 3, True) is None
      True
    """
    if deterministic is not None:
        check_bools("linen", deterministic=deterministic)
    else:
        deterministic = not module.has_rng("dropout")
    if deterministic or not draws_masks(module.cell, params, input_size):
        return None
    return module.make_rng("dropout")


__all__ = ["Cell"]
