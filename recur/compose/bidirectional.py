"""Two cells on one sequence, one walking forwards and one backwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp

from recur import _checks as checks
from recur._portable import portable
from recur._roll.steps import check_step
from recur._roll.unroll import unroll
from recur.compose.masks import Masked, Sizes, draw
from recur.types import Array, Layer, PyTree, UnrollOptions


@portable
class BidirectionalParams(NamedTuple):
    """Params of both cells."""

    forward: PyTree
    backward: PyTree


@portable
class BidirectionalCarry(NamedTuple):
    """Carries of both cells; going in, that of ``backward`` enters the last step."""

    forward: PyTree
    backward: PyTree

    def join(self) -> PyTree:
        """Joins both on the last axis: what each read of the whole sequence.

        Of two LSTMs it is one ``LSTMCarry`` with ``h`` and ``c`` of ``[..., 2 H]``.

        Raises:
          TypeError: If the two cells are of different kinds.

        Example:
          >>> BidirectionalCarry(jnp.zeros((2, 3)), jnp.ones((2, 4))).join().shape
          (2, 7)
        """
        kinds = [jax.tree.structure(carry) for carry in self]
        if kinds[0] != kinds[1]:
            raise TypeError(
                f"BidirectionalCarry.join: the carries are {kinds[0]} and {kinds[1]}; "
                "expected two of one kind. Join the parts of each that you want."
            )
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b], -1), *self)


MERGES: dict[str, Callable[[Array, Array], Array]] = {
    "concatenate": lambda a, b: jnp.concatenate([a, b], axis=-1),
    "sum": lambda a, b: a + b,
    "mean": lambda a, b: (a + b) / 2,
    "product": lambda a, b: a * b,
}


@dataclass(frozen=True)
class Bidirectional(Masked, Layer):
    r"""Rolls one cell forwards and one backwards, and merges their outputs.

    .. math::
        y_t = \mathrm{merge}(\overrightarrow{y_t}, \overleftarrow{y_t})

    It needs the whole sequence, so it has no ``step``: :func:`recur.unroll` rolls it,
    alone or in a :class:`Stack`, with all its arguments. The backward cell starts at
    the last valid step of each row, and both final carries come back.

    Args:
      forward: The cell that walks forwards, the user's own included.
      backward: The one that walks backwards; by default another of the same kind.
      merge: ``"concatenate"``, ``"sum"``, ``"mean"`` or ``"product"``.

    Raises:
      TypeError: If ``forward`` or ``backward`` is no cell.
      ValueError: If ``merge`` is not known, or the output sizes differ where they must
        not.

    Example:
      >>> layer = Bidirectional(LSTM(8))
      >>> params = layer.init(jax.random.key(0), input_size=3)
      >>> carry, ys = unroll(layer, params, layer.init_carry((2,)), jnp.ones((7, 2, 3)),
      ...                    seq_lengths=jnp.array([7, 4]))
      >>> ys.shape, carry.backward.c.shape
      ((7, 2, 16), (2, 8))

    References:
      Schuster and Paliwal, `Bidirectional recurrent neural networks
      <https://doi.org/10.1109/78.650093>`_, 1997.
    """

    forward: Any
    backward: Any = None
    merge: str = "concatenate"

    def __post_init__(self) -> None:
        backward = self.forward if self.backward is None else self.backward
        object.__setattr__(self, "backward", backward)
        for cell in (self.forward, backward):
            check_step("Bidirectional", cell)
        if not isinstance(self.merge, str) or self.merge not in MERGES:
            raise ValueError(
                f"Bidirectional: merge is {self.merge!r}; expected one of "
                f"{', '.join(MERGES)}."
            )
        if self.merge != "concatenate":
            sizes = self.forward.output_size, backward.output_size
            checks.check_same_size("Bidirectional", *sizes)

    @property
    def output_size(self) -> int:
        """Size of the merged outputs."""
        one, other = self.forward.output_size, self.backward.output_size
        return one + other if self.merge == "concatenate" else one

    def init(self, key: Array, input_size: int) -> BidirectionalParams:
        """Draws the params of both cells."""
        k_forward, k_backward = jax.random.split(key)
        return BidirectionalParams(
            self.forward.init(k_forward, input_size),
            self.backward.init(k_backward, input_size),
        )

    def init_carry(
        self,
        batch_shape: tuple[int, ...] = (),
        *,
        params: BidirectionalParams | None = None,
    ) -> BidirectionalCarry:
        """Makes the carries of both cells."""
        one, other = (None, None) if params is None else params
        return BidirectionalCarry(
            self.forward.init_carry(batch_shape, params=one),
            self.backward.init_carry(batch_shape, params=other),
        )

    def draw(
        self, key: Array, params: BidirectionalParams, sizes: Sizes
    ) -> BidirectionalParams:
        """Draws the masks of both cells."""
        k_forward, k_backward = jax.random.split(key)
        return BidirectionalParams(
            draw(self.forward, k_forward, params.forward, sizes),
            draw(self.backward, k_backward, params.backward, sizes),
        )

    def unroll(
        self,
        params: BidirectionalParams,
        carry: BidirectionalCarry,
        xs: PyTree,
        **time: Unpack[UnrollOptions],
    ) -> tuple[BidirectionalCarry, Array]:
        """Rolls both cells; see :func:`recur.unroll` for the arguments."""
        where = "Bidirectional"
        checks.check_type(where, "params", params, BidirectionalParams, "init")
        checks.check_type(where, "carry", carry, BidirectionalCarry, "init_carry")
        carries, outputs = [], []
        reverse = time.pop("reverse", False)
        ways = ((self.forward, reverse), (self.backward, not reverse))
        anew = time.pop("reset_carry", None) or (None, None)
        for (cell, back), p, s, a in zip(ways, params, carry, anew, strict=True):
            time["reset_carry"], time["reverse"] = a, back
            last, ys = unroll(cell, p, s, xs, **time)
            carries.append(last)
            outputs.append(ys)
        return BidirectionalCarry(*carries), MERGES[self.merge](*outputs)


__all__ = ["Bidirectional", "BidirectionalCarry", "BidirectionalParams"]
