"""The real-gated linear recurrent unit of Griffin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from recur import _checks as checks
from recur._portable import portable
from recur.initializers import LeCun
from recur.linear_rnn.base import LinearCell
from recur.linear_rnn.gated_decay import (
    check_heads,
    draw_blocks,
    draw_retention,
    gated_decay,
)
from recur.types import Array, Initializer


@portable
class RGLRUParams(NamedTuple):
    """Weights of an RG-LRU; those of each head are fused on the last axis as ``r, i``.

    ``K`` is ``H / heads``.
    """

    w_gates: Array  # [heads, K, 2K]
    b: Array  # [2H]
    retention: Array  # [H], the logit of what is kept at an eighth of an open gate


@dataclass(frozen=True, kw_only=True)
class RGLRU(LinearCell[RGLRUParams, Array]):
    r"""A real-gated linear recurrent unit.

    .. math::
        r &= \sigma(x_t W_r + b_r), \qquad i = \sigma(x_t W_i + b_i) \\
        a &= \sigma(\Lambda)^{8 r} \\
        h_t &= a \odot h_{t-1} + \sqrt{1 - a^2} \odot (i \odot x_t)

    A shut ``r`` keeps the old value and lets nothing in; an open one keeps
    :math:`\sigma(\Lambda)^8` of it. :math:`W_r` and :math:`W_i` are diagonal in blocks,
    one for each head. The slope of the root is no more than 1000, so that gradients
    are finite where :math:`a` is one; its value is exact.

    :math:`\Lambda` is ``retention``; public code holds :math:`-\Lambda`. It starts so
    that :math:`\sigma(\Lambda)` is uniform by area in the ring from 0.9 to 0.999, as in
    RecurrentGemma. There the first step of a segment is also not scaled by the root: it
    gives :math:`i \odot x_t`. Here a carry of zeros, and a reset, change no equation.

    Args:
      hidden_size: ``H``, which is also the input size.
      heads: How many blocks the gates are made of; they divide ``H``.
      **options: Those of :class:`~recur.cells.base.Specification`; ``kernel_init``
        draws each block, by default of variance ``1 / K``, and ``recurrent_init`` is
        not used.

    Raises:
      TypeError: If ``heads`` is not an integer.
      ValueError: If ``heads`` do not divide ``H``; by ``init``, if the input size is
        not ``H``.

    Example:
      >>> cell = RGLRU(4, heads=2)
      >>> params = cell.init(jax.random.key(0), input_size=4)
      >>> carry, y = cell.step(params, cell.init_carry((2,)), jnp.ones((2, 4)))
      >>> y.shape
      (2, 4)

    References:
      De, Smith et al., `Griffin: mixing gated linear recurrences with local attention
      for efficient language models <https://arxiv.org/abs/2402.19427>`_, 2024.
    """

    params_type = RGLRUParams
    shapes: ClassVar[Mapping[str, str]] = {
        "w_gates": "N K 2K",
        "b": "2H",
        "retention": "H",
    }

    heads: int = 1
    kernel_init: Initializer = LeCun()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_heads("RGLRU", self.heads, "hidden_size", self.hidden_size)

    def sizes(self) -> dict[str, int]:
        """The heads, and the size of each."""
        blocks = {"N": self.heads, "K": self.hidden_size // self.heads}
        return super().sizes() | blocks

    def init(self, key: Array, input_size: int) -> RGLRUParams:
        """Draws the params for inputs ``[..., H]``."""
        checks.check_size("RGLRU.init", "input_size", input_size)
        checks.check_same_size("RGLRU.init", input_size, self.hidden_size)
        return super().init(key, input_size)

    def initial(self, name: str, key: Array, shape: tuple[int, ...]) -> Array | None:
        """Draws blocks and retentions."""
        if name == "retention":
            return draw_retention(key, shape, self.dtype)
        if name == "w_gates":
            return draw_blocks(self.kernel_init, key, shape, self.dtype)
        return None

    def elements(self, params: RGLRUParams, x: Array) -> tuple[Array, Array]:
        """What is kept, and what comes in."""
        return gated_decay(*params, x, self.compute_dtype)

    def _input_size(self, where: str, params: RGLRUParams | None) -> int:
        return self.hidden_size


__all__ = ["RGLRU", "RGLRUParams"]
