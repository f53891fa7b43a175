"""A cell whose carry is a matrix in each of its heads, written to by outer products."""

from dataclasses import dataclass
from typing import Any, Generic

import jax.numpy as jnp

from recur import _checks as checks
from recur._roll.chunked.resolve import register_rule
from recur._roll.linear.rank_one import RankOne, take_step
from recur.cells.gated import GatedCell, Params
from recur.types import Array


@dataclass(frozen=True, kw_only=True)
class MatrixCell(GatedCell[Params, Array], Generic[Params]):
    r"""A cell that writes values at keys into a matrix, and reads it by queries.

    .. math::
        S_t = \mathrm{diag}(a_t) S_{t-1} - c_t (d_t^\top S_{t-1}) + k_t v_t^\top,
        \qquad y_t = \mathrm{read}(q_t S_t, x_t)

    A subclass declares its shapes as a :class:`~recur.cells.gated.GatedCell` does, and
    gives :meth:`elements` and :meth:`read`, both for any leading axes of ``x``. The
    carry is ``S [..., heads, K, V]``. The roll makes no ``S`` but those between chunks.

    Args:
      hidden_size: ``H``, the size of the output.
      heads: Which share the sizes of keys and values.
      **options: Those of :class:`~recur.cells.base.Specification`.

    Example:
      >>> from collections import namedtuple
      >>> class Memory(MatrixCell):
      ...     params_type = namedtuple("MemoryParams", ["w_ih"])
      ...     shapes = {"w_ih": "I 3H"}
      ...     def elements(self, params, x):
      ...         q, k, v = self.in_heads(self.product(x, params.w_ih), 3)
      ...         return RankOne(None, k, v, q)
      >>> cell = Memory(4, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=3)
      >>> carry, y = cell.step(params, cell.init_carry((5,)), jnp.ones((5, 3)))
      >>> carry.shape, y.shape
      ((5, 2, 2, 2), (5, 4))
    """

    heads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        where = type(self).__name__
        checks.check_size(where, "heads", self.heads)
        for name, size in {"hidden_size": self.hidden_size, **self.split()}.items():
            if size % self.heads:
                raise ValueError(
                    f"{where}: {name} is {size} and heads {self.heads}; expected a "
                    "multiple. Each head has an equal share of it."
                )

    def split(self) -> dict[str, int]:
        """Sizes besides ``hidden_size`` of which each head has a share."""
        return {}

    def elements(self, params: Params, x: Array) -> RankOne:
        """Gives what a step does with the matrix."""
        raise NotImplementedError

    def read(self, params: Params, found: Array, x: Array) -> Any:
        """Gives ``y`` of ``q S [..., heads, V]``."""
        return merge_heads(found)

    def key_size(self) -> int:
        """``K`` of all heads together."""
        return self.hidden_size

    def value_size(self) -> int:
        """``V`` of all heads together."""
        return self.hidden_size

    def sizes(self) -> dict[str, int]:
        """The sizes of the table: ``N`` heads, with ``K`` and ``V`` each."""
        shares = {
            "K": self.key_size() // self.heads,
            "V": self.value_size() // self.heads,
        }
        return {"H": self.hidden_size, "N": self.heads, **shares}

    def carry_axes(self) -> str:
        """``S``."""
        return "N K V"

    def in_heads(self, fused: Array, parts: int = 1) -> list[Array]:
        """Splits ``[..., parts * size]``, and each part into heads."""
        pieces = jnp.split(fused, parts, axis=-1)
        return [a.reshape(*a.shape[:-1], self.heads, -1) for a in pieces]

    def equations(self, params: Params, carry: Array, x: Array) -> tuple[Array, Array]:
        """Those above."""
        s, found = take_step(self.elements(params, x), carry)
        return s, self.read(params, found, x)


def merge_heads(a: Array) -> Array:
    """Makes one axis of heads and values.

    Example:
      >>> merge_heads(jnp.zeros((5, 2, 3))).shape
      (5, 6)
    """
    return a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])


def check_gate(where: str, gate: Any) -> None:
    """Complains unless a decay is of each row or of each head.

    Example:
      >>> check_gate("doc", "row")
    """
    if gate not in ("row", "head"):
        raise ValueError(
            f"{where}: gate is {gate!r}; expected 'row' or 'head', what forgets at a "
            "rate of its own."
        )


register_rule(MatrixCell, lambda cell, params, carry: cell)

__all__ = ["MatrixCell", "check_gate", "merge_heads"]
